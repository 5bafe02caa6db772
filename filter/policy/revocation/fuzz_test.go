package revocation

import (
	"strings"
	"testing"

	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/fetch"
)

// FuzzRevocations: no document makes the reader panic, and a document that it accepts is
// a list within its bounds.
func FuzzRevocations(f *testing.F) {
	for _, s := range []string{
		`{"revoked":[]}`, `{"revoked":[{"iss":"i","jti":"a"},{"iss":"i","sub":"a","issued_before":1.5},{"iss":"i","kid":"a"},{"kid":"a"}]}`,
		`{"revoked":[{"iss":"i","sub":"a","issued_before":"2030-01-31T00:00:00Z"}]}`, `{"revoked":[{"iss":"\u0061","jti":"\ud83d\ude00"}]}`,
		`{"revoked":[{}]}`, `{"revoked":{}}`, `[]`, ``, `{"revoked":[1,[],"",null]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		st := NewState(&Revocations{}, cache.NewKey([16]byte{1, 2}), new(fetch.Jitter))
		list, why := st.read(document)
		if (list == nil) != (why != "") || len(list) > maxRevocations {
			t.Fatalf("%v, %q", list, why)
		}
		if list != nil && !strings.Contains(string(document), "{") {
			t.Fatal("a list of nothing")
		}
	})
}
