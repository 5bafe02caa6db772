// Package jose holds bearerauth/filter/jose to judges that only tests may
// depend on: two JWT libraries and Project Wycheproof.
package jose

import (
	"crypto"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"bearerauth/filter/jose"
	"bearerauth/filter/testkey"
)

// judged is one algorithm and a key of it. Package testkey makes the key alone: golang-jwt
// signs with it and go-jose writes its JWK, so that no code of this project says what a
// good signature or key is.
type judged struct {
	a       jose.Algorithm
	method  jwt.SigningMethod
	private any
	public  any
	jwk     string
}

func everyAlgorithm(t testing.TB) []judged {
	t.Helper()
	var list []judged
	for _, key := range testkey.All() {
		j := judged{method: jwt.GetSigningMethod(key.Algorithm), private: key.Private, public: key.Private}
		var ok bool
		if j.a, ok = jose.ParseAlgorithm(key.Algorithm); !ok {
			t.Fatalf("%s is unknown", key.Algorithm)
		}
		if signer, ok := key.Private.(crypto.Signer); ok {
			j.public = signer.Public()
		}
		jwk, err := json.Marshal(gojose.JSONWebKey{Key: j.public, KeyID: "k", Algorithm: key.Algorithm, Use: "sig"})
		if err != nil {
			t.Fatal(err)
		}
		j.jwk = string(jwk)
		list = append(list, j)
	}
	return list
}

func (j *judged) sign(t testing.TB, header, payload string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(payload))
	signature, err := j.method.Sign(signed, j.private)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

func ours(t testing.TB, set *jose.KeySet, p *jose.Parser, text string) bool {
	t.Helper()
	m, err := p.Parse(text)
	if err != nil {
		return false
	}
	for _, k := range set.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil) {
		native := k.Verify(m.Algorithm, m.Signed, m.Signature, nil)
		if host := k.Verify(m.Algorithm, m.Signed, m.Signature, testkey.HostVerifies); host != native {
			t.Errorf("%s: host %v, Go %v", text, host, native)
		}
		if native {
			return true
		}
	}
	return false
}

func goJose(j *judged, text string) error {
	jws, err := gojose.ParseSignedCompact(text, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(j.a.String())})
	if err != nil {
		return err
	}
	_, err = jws.Verify(j.public)
	return err
}

func golangJWT(j *judged, text string) error {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{j.a.String()}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding(), jwt.WithJSONNumber())
	_, err := parser.Parse(text, func(*jwt.Token) (any, error) { return j.public, nil })
	return err
}

func parseSet(t testing.TB, keys ...string) *jose.KeySet {
	t.Helper()
	set, err := jose.ParseSet([]byte(`{"keys":[`+strings.Join(keys, ",")+`]}`), jose.AllowSecrets)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// judge: what we accept, both accept.
func judge(t *testing.T, j *judged, set *jose.KeySet, p *jose.Parser, text string) bool {
	t.Helper()
	if !ours(t, set, p, text) {
		return false
	}
	if err := goJose(j, text); err != nil {
		t.Errorf("%s: go-jose refuses what we accept: %v\n%s", j.a, err, text)
	}
	if err := golangJWT(j, text); err != nil {
		t.Errorf("%s: golang-jwt refuses what we accept: %v\n%s", j.a, err, text)
	}
	return true
}

// TestKeysOfTests: what package testkey signs and publishes for all other tests is good
// to go-jose.
func TestKeysOfTests(t *testing.T) {
	t.Parallel()
	for _, key := range testkey.All() {
		var set gojose.JSONWebKeySet
		if err := json.Unmarshal([]byte(testkey.Set(key)), &set); err != nil {
			t.Fatal(err)
		}
		token := key.Token(time.Now(), nil)
		for text, want := range map[string]bool{token: true, testkey.Forged(token): false} {
			jws, err := gojose.ParseSignedCompact(text, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(key.Algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jws.Verify(set); (err == nil) != want {
				t.Errorf("%s: %v for %s", key.Algorithm, err, text)
			}
		}
	}
}

// Signed by a good key, odd inside.
func TestOddTokens(t *testing.T) {
	t.Parallel()
	type odd struct {
		header  string // ALG stands for the algorithm
		payload string
		accept  bool
	}
	for _, j := range everyAlgorithm(t) {
		set := parseSet(t, j.jwk)
		var p jose.Parser
		for _, c := range []odd{
			{`{"alg":"ALG"}`, `{}`, true},
			{`{"alg":"ALG","kid":"k"}`, `{"sub":"a"}`, true},
			{`{"alg":"ALG","kid":"other"}`, `{"sub":"a"}`, false},
			{` { "alg" : "ALG" , "typ" : "JWT" } `, "\n{\"a\":[1,2.5e-3,{\"b\":null}]}\t", true},
			{`{"\u0061lg":"ALG"}`, `{"\u0061":"\ud83d\ude00"}`, true},
			{`{"alg":"ALG","alg":"ALG"}`, `{}`, false},
			{`{"alg":"ALG"}`, `{"a":1,"a":2}`, false},
			{`{"alg":"ALG","crit":["exp"],"exp":1}`, `{}`, false},
			{`{"alg":"ALG","b64":false,"crit":["b64"]}`, `{}`, false},
			{`{"alg":"ALG","cty":"JWT"}`, `{}`, false},
			{`{"alg":"ALG","unknown":{"a":[1]}}`, `{}`, true},
			{`{"alg":"none"}`, `{}`, false},
			{`{"alg":"ALG"}`, `[]`, false},
			{`{"alg":"ALG"}`, `{"a":"` + strings.Repeat("x", 8000) + `"}`, true},
			{`{"typ":"JWT"}`, `{}`, false},
			{`{"alg":"ALG","typ":"at+jwt","kid":"k","cty":"json"}`, `{"big":123456789012345678901234567890,"e":1e300}`, true},
		} {
			text := j.sign(t, strings.ReplaceAll(c.header, "ALG", j.a.String()), c.payload)
			if got := judge(t, &j, set, &p, text); got != c.accept {
				t.Errorf("%s: %s %s: got %v, want %v", j.a, c.header, c.payload, got, c.accept)
			}
		}
	}
}

// Every pair of a signer and a claimed algorithm.
func TestConfusedAlgorithms(t *testing.T) {
	t.Parallel()
	list := everyAlgorithm(t)
	var jwks []string
	for _, j := range list {
		jwks = append(jwks, j.jwk)
	}
	set := parseSet(t, jwks...)
	var p jose.Parser
	for _, signer := range list {
		for _, claimed := range list {
			text := signer.sign(t, `{"alg":"`+claimed.a.String()+`","kid":"k"}`, `{"sub":"a"}`)
			if got := judge(t, &claimed, set, &p, text); got != (signer.a == claimed.a) {
				t.Errorf("signed %s, says %s: got %v", signer.a, claimed.a, got)
			}
		}
	}
}

// Mutated tokens. A mutant that is accepted is one whose signature still holds,
// that is the token itself.
func TestMutants(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	const symbols = "ABCXYZabcxyz0189-_.=+/ \n\r\t{}\"\x00\x80é"
	for _, j := range everyAlgorithm(t) {
		set := parseSet(t, j.jwk)
		text := j.sign(t, `{"alg":"`+j.a.String()+`","kid":"k"}`, `{"sub":"alice","exp":1893456000,"scope":"a b"}`)
		var p jose.Parser
		if !judge(t, &j, set, &p, text) {
			t.Fatalf("%s: the token itself is refused", j.a)
		}
		for range 1500 {
			mutant := []byte(text)
			for range 1 + random.IntN(3) {
				at := random.IntN(len(mutant))
				switch random.IntN(5) {
				case 0:
					mutant[at] = symbols[random.IntN(len(symbols))]
				case 1:
					mutant = append(mutant[:at], mutant[at+1:]...)
				case 2:
					mutant = append(mutant[:at+1], mutant[at:]...)
				case 3:
					mutant[at] ^= 1 << random.IntN(8)
				case 4:
					mutant = append(append(append([]byte{}, mutant[at:]...), '.'), mutant[:at]...)
				}
			}
			if judge(t, &j, set, &p, string(mutant)) && string(mutant) != text {
				t.Errorf("%s: a mutant is accepted: %q", j.a, mutant)
			}
		}
	}
}

// Odd keys: what we take from a JWK, go-jose takes as the same key.
func TestOddKeys(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	taken := 0
	for _, j := range everyAlgorithm(t) {
		text := j.sign(t, `{"alg":"`+j.a.String()+`"}`, `{}`)
		for range 600 {
			jwk := []byte(j.jwk)
			for range random.IntN(3) {
				at := random.IntN(len(jwk))
				switch random.IntN(3) {
				case 0:
					jwk[at] = "AZaz09-_=+/\"{}:,"[random.IntN(16)]
				case 1:
					jwk = append(jwk[:at], jwk[at+1:]...)
				case 2:
					jwk = append(jwk[:at+1], jwk[at:]...)
				}
			}
			set, err := jose.ParseSet([]byte(`{"keys":[`+string(jwk)+`]}`), jose.AllowSecrets)
			if err != nil {
				continue
			}
			taken++
			var theirs gojose.JSONWebKey
			if err := theirs.UnmarshalJSON(jwk); err != nil || (!j.a.Symmetric() && !theirs.Valid()) {
				t.Errorf("go-jose refuses a key that we take: %v\n%s", err, jwk)
				continue
			}
			same := judged{a: j.a, public: theirs.Key}
			var p jose.Parser
			if got, want := ours(t, set, &p, text), goJose(&same, text) == nil; got && !want {
				t.Errorf("the key is another one to go-jose: we say %v, it says %v\n%s", got, want, jwk)
			}
		}
	}
	if taken < 1000 {
		t.Errorf("only %d keys were taken", taken)
	}
}
