package jose

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"bearerauth/filter/jose"
	"bearerauth/filter/testkey"
)

// Project Wycheproof's vectors, from its Go module: nothing of them is copied here.

type vectorFile struct {
	TestGroups []struct {
		Comment string          `json:"comment"`
		Public  json.RawMessage `json:"public"`
		Private json.RawMessage `json:"private"`

		PublicKeyDer string          `json:"publicKeyDer"`
		PublicKeyJwk json.RawMessage `json:"publicKeyJwk"`
		KeyJwk       json.RawMessage `json:"keyJwk"`
		SaltLen      int             `json:"sLen"`
		TagSize      int             `json:"tagSize"`

		Tests []struct {
			ID      int             `json:"tcId"`
			Comment string          `json:"comment"`
			Flags   []string        `json:"flags"`
			Result  string          `json:"result"`
			JWS     json.RawMessage `json:"jws"`
			Msg     string          `json:"msg"`
			Sig     string          `json:"sig"`
			Key     string          `json:"key"`
			Tag     string          `json:"tag"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func readVectors(t *testing.T, name string) vectorFile {
	t.Helper()
	content, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.TestGroups) == 0 {
		t.Fatal("no vectors")
	}
	return file
}

// signatureFiles are vectors of signatures, by file.
var signatureFiles = map[string]jose.Algorithm{
	"ecdsa_secp256r1_sha256_p1363": jose.ES256, "ecdsa_secp384r1_sha384_p1363": jose.ES384, "ecdsa_secp521r1_sha512_p1363": jose.ES512, "ed25519": jose.EdDSA,
	"rsa_signature_2048_sha256": jose.RS256, "rsa_signature_2048_sha384": jose.RS384, "rsa_signature_2048_sha512": jose.RS512,
	"rsa_signature_3072_sha256": jose.RS256, "rsa_signature_3072_sha384": jose.RS384, "rsa_signature_3072_sha512": jose.RS512,
	"rsa_signature_4096_sha256": jose.RS256, "rsa_signature_4096_sha384": jose.RS384, "rsa_signature_4096_sha512": jose.RS512,
	"rsa_signature_8192_sha256": jose.RS256, "rsa_signature_8192_sha384": jose.RS384, "rsa_signature_8192_sha512": jose.RS512,
	"rsa_pss_2048_sha256_mgf1_32": jose.PS256, "rsa_pss_3072_sha256_mgf1_32": jose.PS256, "rsa_pss_4096_sha256_mgf1_32": jose.PS256,
	"rsa_pss_2048_sha384_mgf1_48": jose.PS384, "rsa_pss_4096_sha384_mgf1_48": jose.PS384, "rsa_pss_4096_sha512_mgf1_64": jose.PS512,
	// Another salt, another hash for MGF1: valid there, never here.
	"rsa_pss_2048_sha256_mgf1_0": jose.PS256, "rsa_pss_2048_sha256_mgf1sha1_20": jose.PS256, "rsa_pss_4096_sha512_mgf1_32": jose.PS512,
}

// secretFiles are vectors of MACs.
var secretFiles = map[string]jose.Algorithm{"hmac_sha256": jose.HS256, "hmac_sha384": jose.HS384, "hmac_sha512": jose.HS512}

// tokenFiles are vectors of whole tokens.
var tokenFiles = []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"}

// wycheproofExceptions are vectors whose result is not ours, each for a reason.
// One that is no longer needed fails the test.
var wycheproofExceptions = map[string]string{
	"json_web_crypto_test.json 46": roca, "json_web_key_test.json 7": roca,
	"json_web_key_test.json 4":         "two keys of one kid: both are tried, since a set in the middle of a rotation can look so",
	"json_web_signature_test.json 259": emptyPayload, "json_web_signature_test.json 264": emptyPayload, "json_web_signature_test.json 268": emptyPayload,
	"json_web_signature_test.json 272": emptyPayload, "json_web_signature_test.json 320": emptyPayload, "json_web_signature_test.json 325": emptyPayload,
	"json_web_signature_test.json 346": pinned, "json_web_signature_test.json 347": pinned,
	"json_web_signature_test.json 350": pinned, "json_web_signature_test.json 351": pinned,
	"json_web_signature_test.json 367": "the padding that it announces is not there: the token is number 357, which is valid",
	"json_web_signature_test.json 370": "as number 367",
	"json_web_signature_test.json 372": "a question mark in base64url is called valid, unlike in 361 to 364",
	"json_web_signature_test.json 373": "as number 372",
}

const (
	roca = "Infineon's weak keys (CVE-2017-15361) are told from good ones by a table of primes; " +
		"an issuer that still has one has other troubles"
	emptyPayload = "an empty payload holds no claims (requirement 27)"
	pinned       = "the key says PS256 and ES521, the token PS384 and ES512"
)

// keySetOf is the key or keys of a group as a JWK Set: the public ones, where there are any.
func keySetOf(public, private json.RawMessage) []byte {
	document := public
	if document == nil {
		document = private
	}
	if !bytes.Contains(document, []byte(`"keys"`)) {
		document = []byte(`{"keys":[` + string(document) + `]}`)
	}
	return document
}

// TestWycheproofJWS: the web tokens sign the text "foo", which is not a set of
// claims. So besides Parse, which has to refuse whatever is invalid, a reader
// that takes any payload feeds Verify.
func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	tested, valid := 0, 0
	for _, name := range tokenFiles {
		for _, group := range readVectors(t, name).TestGroups {
			document := keySetOf(group.Public, group.Private)
			// Wycheproof wants secrets and public keys never mixed: a set either is
			// from the network, without secrets, or written down.
			secrets := jose.AllowSecrets
			if group.Public != nil || strings.HasPrefix(group.Comment, "jws_mixed") {
				secrets = jose.RefuseSecrets
			}
			set, err := jose.ParseSet(document, secrets)
			if err != nil {
				set = nil
			}
			for _, test := range group.Tests {
				var text string
				if test.JWS == nil { // encryption
					continue
				}
				if json.Unmarshal(test.JWS, &text) != nil {
					text = string(test.JWS) // JSON serialization
				}
				tested++
				want := test.Result == "valid"
				if wycheproofExceptions[name+" "+strconv.Itoa(test.ID)] != "" {
					want = !want
				}
				if want {
					valid++
				}
				if got := verifies(set, text); got != want {
					t.Errorf("%s %d: %s, %s: got %v, want %v (set: %v)\n%s\n%s", name, test.ID, group.Comment, test.Comment, got, want, err, text, document)
				}
				var p jose.Parser
				if m, err := p.Parse(text); err == nil && test.Result == "invalid" {
					for _, k := range set.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil) {
						if k.Verify(m.Algorithm, m.Signed, m.Signature, nil) {
							t.Errorf("%s %d: %s: accepted", name, test.ID, test.Comment)
						}
					}
				}
			}
		}
	}
	if tested < 450 || valid < 30 {
		t.Errorf("only %d vectors, %d of them valid", tested, valid)
	}
}

// verifies is Parse and Candidates for any payload. The header goes through
// Parse, on a token with a payload that it takes.
func verifies(set *jose.KeySet, text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return false
	}
	payload, ok := decode(parts[1])
	if !ok || len(payload) == 0 {
		return false
	}
	var p jose.Parser
	m, err := p.Parse(parts[0] + ".e30." + parts[2])
	if err != nil {
		return false
	}
	for _, k := range set.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil) {
		if k.Verify(m.Algorithm, parts[0]+"."+parts[1], m.Signature, nil) {
			return true
		}
	}
	return false
}

func decode(text string) ([]byte, bool) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return decoded, err == nil && !strings.ContainsAny(text, "\r\n")
}

// TestWycheproofSignatures: the arithmetic below the tokens. Keys come as JWK
// and as PEM; the two have to agree.
func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	for name, a := range signatureFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested, valid, unusable := 0, 0, 0
			foreign := name == "rsa_pss_2048_sha256_mgf1_0" || name == "rsa_pss_2048_sha256_mgf1sha1_20" || name == "rsa_pss_4096_sha512_mgf1_32"
			for _, group := range readVectors(t, name+"_test.json").TestGroups {
				keys := keysOf(t, group.PublicKeyDer, group.PublicKeyJwk, group.KeyJwk)
				for _, test := range group.Tests {
					tested++
					signature, err := hex.DecodeString(test.Sig)
					if err != nil {
						t.Fatal(err)
					}
					message, err := hex.DecodeString(test.Msg)
					if err != nil {
						t.Fatal(err)
					}
					// "acceptable" is legacy: a signature without NULL in its DigestInfo.
					want := test.Result == "valid" && !foreign
					if name == "rsa_pss_2048_sha256_mgf1_0" && test.Comment == "s_len changed to 32" {
						want = true // wrong for a salt of 0, and so right for PS256
					}
					if want {
						valid++
					}
					if len(keys) == 0 {
						unusable++
					}
					for i, k := range keys {
						if got := k.Verify(a, string(message), signature, nil); got != want {
							t.Errorf("%d (%s, %s), key %d: got %v, want %v", test.ID, test.Comment, test.Flags, i, got, want)
						}
						if got := k.Verify(a, string(message), signature, testkey.HostVerifies); got != want {
							t.Errorf("%d (%s), key %d: by the host: got %v, want %v", test.ID, test.Comment, i, got, want)
						}
					}
				}
			}
			if tested < 50 || (valid < 5) != foreign || unusable > tested/10 {
				t.Errorf("%d vectors, %d valid, %d without a usable key", tested, valid, unusable)
			}
		})
	}
}

func keysOf(t *testing.T, der string, jwks ...json.RawMessage) []*jose.Key {
	t.Helper()
	var keys []*jose.Key
	if der != "" {
		octets, err := hex.DecodeString(der)
		if err != nil {
			t.Fatal(err)
		}
		fromPEM, err := jose.ParsePEM(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: octets}))
		if err != nil {
			t.Logf("%s: %v", der, err)
		}
		keys = append(keys, fromPEM...)
	}
	for _, jwk := range jwks {
		if len(jwk) == 0 || string(jwk) == "null" {
			continue
		}
		set, err := jose.ParseSet([]byte(`{"keys":[`+string(jwk)+`]}`), jose.RefuseSecrets)
		if err != nil {
			t.Logf("%s: %v", jwk, err)
			continue
		}
		keys = append(keys, set.Keys...)
	}
	return keys
}

func TestWycheproofHMAC(t *testing.T) {
	t.Parallel()
	for name, a := range secretFiles {
		tested, valid := 0, 0
		for _, group := range readVectors(t, name+"_test.json").TestGroups {
			for _, test := range group.Tests {
				key, _ := hex.DecodeString(test.Key)
				message, _ := hex.DecodeString(test.Msg)
				tag, _ := hex.DecodeString(test.Tag)
				k, err := jose.NewSecret("", false, key, a)
				if err != nil {
					continue // too short a secret
				}
				tested++
				// A tag cut short is valid there, and no JWS (RFC 7518 section 3.2).
				full := map[jose.Algorithm]int{jose.HS256: 256, jose.HS384: 384, jose.HS512: 512}[a]
				want := test.Result == "valid" && group.TagSize == full
				if want {
					valid++
				}
				if got := k.Verify(a, string(message), tag, nil); got != want {
					t.Errorf("%s %d: got %v, want %v", name, test.ID, got, want)
				}
			}
		}
		if tested < 50 || valid < 10 {
			t.Errorf("%s: only %d vectors, %d valid", name, tested, valid)
		}
	}
}
