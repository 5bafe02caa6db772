package filter_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
)

// signingKey is an issuer's key: a crypto.Signer, or the octets of a secret.
type signingKey struct {
	kid, alg string // without a kid, neither the key nor its tokens have one
	private  any
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newKey(kid, alg string) *signingKey {
	k := &signingKey{kid: kid, alg: alg}
	var err error
	switch alg {
	case "ES256", "ES384", "ES512":
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		k.private, err = ecdsa.GenerateKey(curves[alg], rand.Reader)
	case "EdDSA":
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	case "HS256", "HS384", "HS512":
		secret := make([]byte, 64)
		_, err = rand.Read(secret)
		k.private = secret
	default:
		k.private = rsaKey()
	}
	if err != nil {
		panic(err)
	}
	return k
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

type members = map[string]any

func (k *signingKey) named(m members) members {
	if k.kid != "" {
		m["kid"] = k.kid
	}
	return m
}

// jwk is what verifies the key's tokens.
func (k *signingKey) jwk() members {
	m := k.named(members{"alg": k.alg})
	switch key := k.private.(type) {
	case []byte:
		maps.Copy(m, members{"kty": "oct", "k": b64(key)})
	case *rsa.PrivateKey:
		maps.Copy(m, members{"kty": "RSA", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())})
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		size := len(point) / 2
		maps.Copy(m, members{"kty": "EC", "crv": key.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])})
	case ed25519.PrivateKey:
		maps.Copy(m, members{"kty": "OKP", "crv": "Ed25519", "x": b64(key.Public().(ed25519.PublicKey))})
	}
	return m
}

func keySet(keys ...*signingKey) string {
	list := []members{}
	for _, k := range keys {
		list = append(list, k.jwk())
	}
	return string(mustJSON(members{"keys": list}))
}

const issuerName = "https://issuer.example"

// token is one of the key's, good for ten minutes from now. A nil claim is none.
func (k *signingKey) token(now time.Time, claims members) string {
	all := members{"iss": issuerName, "sub": "alice", "iat": now.Unix(), "exp": now.Unix() + 600}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	signed := b64(mustJSON(k.named(members{"alg": k.alg, "typ": "JWT"}))) + "." + b64(mustJSON(all))
	return signed + "." + b64(k.sign(signed))
}

func (k *signingKey) sign(text string) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.alg[2:]]
	var digest []byte
	if hash != 0 {
		h := hash.New()
		h.Write([]byte(text))
		digest = h.Sum(nil)
	}
	var signature []byte
	var err error
	switch key := k.private.(type) {
	case []byte:
		mac := hmac.New(hash.New, key)
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	case *rsa.PrivateKey:
		if k.alg[0] == 'P' {
			signature, err = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, err = rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, key, digest)
		size := (key.Params().BitSize + 7) / 8
		signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(text))
	}
	if err != nil {
		panic(err)
	}
	return signature
}

// forged is the token with another signature of the same form.
func forged(token string) string {
	i := strings.LastIndexByte(token, '.') + 5
	if token[i] == 'A' {
		return token[:i] + "B" + token[i+1:]
	}
	return token[:i] + "A" + token[i+1:]
}

var everyAlgorithm = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
}

// inlineConfig has the keys in it.
func inlineConfig(keys ...*signingKey) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject",
		"providers": {"idp": {"type": "jwt", "issuer": %q, "jwks": %s}}}`, issuerName, keySet(keys...))
}

// envoyVerifies is Envoy's verify_signature: a protobuf message in, another out.
func envoyVerifies(argument []byte) ([]byte, wasmhost.Status) {
	var fields [5][]byte
	for len(argument) > 0 {
		number := argument[0] >> 3
		size, n := binary.Uvarint(argument[1:])
		if argument[0]&7 != 2 || number < 1 || number > 4 || n <= 0 || size > uint64(len(argument)-1-n) {
			return nil, wasmhost.BadArgument
		}
		fields[number] = argument[1+n : 1+n+int(size)]
		argument = argument[1+n+int(size):]
	}
	hash := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[string(fields[1])]
	key, err := x509.ParsePKIXPublicKey(fields[2])
	if hash == 0 || err != nil {
		return nil, wasmhost.BadArgument
	}
	h := hash.New()
	h.Write(fields[4])
	valid := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		valid = rsa.VerifyPKCS1v15(key, hash, h.Sum(nil), fields[3]) == nil
	case *ecdsa.PublicKey:
		valid = ecdsa.VerifyASN1(key, h.Sum(nil), fields[3])
	}
	if !valid {
		return nil, wasmhost.OK // as protobuf writes false
	}
	return []byte{1 << 3, 1}, wasmhost.OK
}

func warnings(vm *wasmhost.VM) (lines []string) {
	for _, log := range vm.Logs() {
		if log.Level >= wasmhost.Warn {
			lines = append(lines, log.Message)
		}
	}
	return lines
}

func send(plugin *wasmhost.Plugin, token string) *wasmhost.Stream {
	s := plugin.NewStream()
	s.RequestHeaders(request("/", "Bearer "+token), true)
	return s
}

func wantSubject(t *testing.T, s *wasmhost.Stream, subject string) {
	t.Helper()
	if s.Outcome() != wasmhost.Continued {
		t.Fatalf("%s %+v, want the request to go on", s.Outcome(), s.Reply())
	}
	if got := header(s.Upstream().Headers, "x-auth-subject"); got != subject {
		t.Fatalf("subject %q, want %q", got, subject)
	}
}

// TestVerifySignature: whatever the host offers, good tokens pass and forged
// ones do not, in every algorithm; and the host is asked only where it is right.
func TestVerifySignature(t *testing.T) {
	t.Parallel()
	var keys []*signingKey
	for _, alg := range everyAlgorithm {
		keys = append(keys, newKey(alg, alg))
	}
	yes := func([]byte) ([]byte, wasmhost.Status) { return []byte{1 << 3, 1}, wasmhost.OK }
	no := func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.OK }
	missing := func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.NotFound }
	for name, c := range map[string]struct {
		start, later wasmhost.ForeignFunction
		asked        bool // for tokens
		warnings     int
	}{
		"no such function":  {nil, nil, false, 0},
		"works":             {envoyVerifies, envoyVerifies, true, 0},
		"calls all good":    {yes, yes, false, 1},
		"calls all bad":     {no, no, false, 0},
		"always fails":      {missing, missing, false, 0},
		"fails later":       {envoyVerifies, missing, true, 0},
		"is missing later":  {envoyVerifies, nil, false, 0},
		"comes later":       {nil, yes, false, 0},
		"no RSA":            {withoutRSA, withoutRSA, true, 0},
		"says it with more": {verbose, verbose, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			if c.start != nil {
				vm.ForeignFunctions["verify_signature"] = c.start
			}
			plugin := startPlugin(t, vm, inlineConfig(keys...))
			second := startPlugin(t, vm, inlineConfig(keys...))
			delete(vm.ForeignFunctions, "verify_signature")
			asked := 0
			if c.later != nil {
				vm.ForeignFunctions["verify_signature"] = func(argument []byte) ([]byte, wasmhost.Status) {
					asked++
					return c.later(argument)
				}
			}
			for _, key := range keys {
				token := key.token(vm.Now(), nil)
				wantReply(t, send(plugin, forged(token)), 401, "bad_signature")
				for range 2 {
					wantSubject(t, send(plugin, token), "alice")
				}
				wantSubject(t, send(second, token), "alice")
			}
			if (asked > 0) != c.asked {
				t.Errorf("the host was asked %d times", asked)
			}
			if got := warnings(vm); len(got) != c.warnings {
				t.Errorf("warnings %q, want %d", got, c.warnings)
			}
		})
	}
}

// withoutRSA is a host that knows only half of the algorithms.
func withoutRSA(argument []byte) ([]byte, wasmhost.Status) {
	if strings.Contains(string(argument), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") { // rsaEncryption
		return nil, wasmhost.BadArgument
	}
	return envoyVerifies(argument)
}

// verbose writes false, too.
func verbose(argument []byte) ([]byte, wasmhost.Status) {
	result, status := envoyVerifies(argument)
	if status == wasmhost.OK && result == nil {
		return []byte{1 << 3, 0}, status
	}
	return result, status
}
