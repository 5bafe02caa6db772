// Package jose holds bearerauth/filter/jose to judges that only tests may
// depend on: two JWT libraries and Project Wycheproof.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"bearerauth/filter/jose"
)

// stdHost is a HostVerifier as Envoy's verify_signature is.
func stdHost(hash string, spki, signature, text []byte) (valid, done bool) {
	h, ok := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[hash]
	if !ok {
		return false, false
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return false, false
	}
	sum := h.New()
	sum.Write(text)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, h, sum.Sum(nil), signature) == nil, true
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum.Sum(nil), signature), true
	}
	return false, false
}

// judged is one algorithm with a signer and its keys for all three.
type judged struct {
	a       jose.Algorithm
	method  jwt.SigningMethod
	private any
	public  any
	jwk     string
}

var names = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}

func everyAlgorithm(t testing.TB) []judged {
	t.Helper()
	var list []judged
	rsaKey, err := rsa.GenerateKey(cryptorand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 64)
	cryptorand.Read(secret)
	for _, name := range names {
		j := judged{method: jwt.GetSigningMethod(name)}
		var ok bool
		if j.a, ok = jose.ParseAlgorithm(name); !ok {
			t.Fatalf("%s is unknown", name)
		}
		switch {
		case name == "EdDSA":
			public, private, _ := ed25519.GenerateKey(cryptorand.Reader)
			j.private, j.public = private, public
		case name[0] == 'E':
			curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[name]
			private, err := ecdsa.GenerateKey(curve, cryptorand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			j.private, j.public = private, &private.PublicKey
		case name[0] == 'H':
			j.private, j.public = secret, secret
		default:
			j.private, j.public = rsaKey, &rsaKey.PublicKey
		}
		jwk, err := json.Marshal(gojose.JSONWebKey{Key: j.public, KeyID: "k", Algorithm: name, Use: "sig"})
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
		if host := k.Verify(m.Algorithm, m.Signed, m.Signature, stdHost); host != native {
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
