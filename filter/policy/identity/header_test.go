package identity

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"bearerauth/filter/policy/syntax"
)

// TestClaimHeaderIsInjective: in each format, the claim can be read back from its header.
func TestClaimHeaderIsInjective(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 8))
	word := func() string {
		var b strings.Builder
		for range r.IntN(4) {
			b.WriteString(pick(r, "a", "b", ",", " ", "%", "%2C", "%20", "\n", "\r\n", "é", "\u0000", "\u007f", "\U0001F600", `"`, `\`, "\u2028"))
		}
		return b.String()
	}
	written := 0
	for range 3000 {
		var items []string
		for range r.IntN(4) {
			items = append(items, word())
		}
		text := word()
		for _, how := range []struct {
			format    string
			base64url bool
			value     any
			read      func(string) any
		}{
			{"text", false, text, func(s string) any { u, _ := url.PathUnescape(s); return u }},
			{"text", true, text, func(s string) any { return s }},
			{"json", false, items, func(s string) any { var v []string; _ = json.Unmarshal([]byte(s), &v); return v }},
			{"json", true, items, func(s string) any { var v []string; _ = json.Unmarshal([]byte(s), &v); return v }},
			{"comma", false, items, func(s string) any { return splitList(s, ",") }},
			{"comma", true, items, func(s string) any { return splitDecoded(s, ",") }},
			{"space", false, items, func(s string) any { return splitList(s, " ") }},
			{"space", true, items, func(s string) any { return splitDecoded(s, " ") }},
		} {
			h := claimHeader{base64url: how.base64url, maxBytes: maxClaimBytes}
			for i, name := range claimFormatNames {
				if name == how.format {
					h.format = claimFormat(i)
				}
			}
			value, _ := json.Marshal(how.value)
			got := h.text(value)
			if got == "" {
				continue
			}
			if !syntax.IsPrintableASCII(got) {
				t.Fatalf("%+v of %q: %q", how.format, how.value, got)
			}
			if how.base64url {
				b, err := base64.RawURLEncoding.DecodeString(got)
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
			written++
			if back := how.read(got); !reflect.DeepEqual(back, how.value) {
				t.Fatalf("%s %t of %q: %q, which reads %q", how.format, how.base64url, how.value, got, back)
			}
		}
	}
	if written < 10_000 {
		t.Errorf("%d values were written", written)
	}
}

// splitList is how a careless upstream reads a list: it trims, and drops what is
// empty.
func splitList(s, separator string) (list []string) {
	for item := range strings.SplitSeq(s, separator) {
		if item = strings.TrimSpace(item); item != "" {
			u, _ := url.PathUnescape(item)
			list = append(list, u)
		}
	}
	return list
}

// splitDecoded is how an upstream reads a list that came in base64url.
func splitDecoded(s, separator string) (list []string) {
	for item := range strings.SplitSeq(s, separator) {
		list = append(list, strings.NewReplacer("%25", "%", "%2C", ",", "%20", " ").Replace(item))
	}
	return list
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }
