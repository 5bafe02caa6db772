package jose

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// The examples of the standards, typed in from their text into a file that other
// tests read, too. Most payloads are those of a general JWS, no claims, so Parse
// refuses them: what is tested is that their signatures verify, and that Parse
// agrees where it may.

const rfc7515Claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

type rfcExample struct {
	Name, Algorithm string
	Key             json.RawMessage
	Token           string
	Claims          bool
}

func rfcExamples(t *testing.T) (examples []rfcExample) {
	t.Helper()
	content, err := os.ReadFile("../../testdata/jose_examples.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &examples); err != nil || len(examples) < 9 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	return examples
}

func TestRFCExamples(t *testing.T) {
	t.Parallel()
	for _, c := range rfcExamples(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			set, err := ParseSet(set(string(c.Key)), AllowSecrets)
			if err != nil {
				t.Fatal(err)
			}
			k := set.Keys[0]
			algorithm, known := ParseAlgorithm(c.Algorithm)
			if !known {
				t.Fatal("no algorithm")
			}
			at := strings.LastIndexByte(c.Token, '.')
			signed, encoded := c.Token[:at], c.Token[at+1:]
			signature, ok := appendDecoded(nil, encoded)
			if !ok || !both(t, k, algorithm, signed, signature) {
				t.Error("the example's signature is refused")
			}
			everyAlgorithm(func(a Algorithm) {
				if a != algorithm && both(t, k, a, signed, signature) {
					t.Errorf("it also verifies as %s", a)
				}
			})
			var p Parser
			m, err := p.Parse(c.Token)
			if !c.Claims {
				if err == nil || m != nil {
					t.Error("a payload that is no object is accepted")
				}
				return
			}
			if err != nil || m.Algorithm != algorithm || m.Signed != signed || !both(t, k, m.Algorithm, m.Signed, m.Signature) {
				t.Fatalf("%+v, %v", m, err)
			}
			if len(m.Claims) != 3 || string(m.Claims[1].Name) != "exp" || string(m.Claims[1].Value) != "1300819380" {
				t.Errorf("claims: %q", m.Claims)
			}
		})
	}
	// RFC 7515 A.5 and RFC 7519 6.1: unsecured.
	var p Parser
	for _, signature := range []string{"", "AA"} {
		if m, err := p.Parse("eyJhbGciOiJub25lIn0." + rfc7515Claims + "." + signature); err == nil || m != nil {
			t.Error("an unsecured token is accepted")
		}
	}
	if _, err := p.Parse("eyJhbGciOiJub25lIn0." + rfc7515Claims + ".AA"); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("got %v", err)
	}
}
