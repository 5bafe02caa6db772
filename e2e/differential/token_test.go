package differential

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"bearerauth/filter/testkey"
)

// keys are each provider's, by its name. A stranger's have the same names.
var keys, strangers = newKeys(), newKeys()

func newKeys() map[string][]*testkey.Key {
	return map[string][]*testkey.Key{
		"corp":    {testkey.New("corp-rs", "RS256"), testkey.New("corp-es", "ES256")},
		"partner": {testkey.New("", "ES256")},
		"lax":     {testkey.New("lax", "ES384")},
		"staff":   {testkey.New("staff", "PS256")},
		"anybody": {testkey.New("anybody", "EdDSA")},
		"machine": {testkey.New("machine", "HS256")},
	}
}

// tokenCase is a token and what is special about it.
type tokenCase struct {
	name, provider, token string
	traits                []string
}

func (c *tokenCase) has(trait string) bool {
	for _, t := range c.traits {
		if t == trait {
			return true
		}
	}
	return false
}

type object = map[string]any

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only what this file makes is encoded
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// audience is one that the provider takes.
var audience = map[string]any{
	"corp": "api", "partner": "whatever", "lax": "https://lax.example/api/", "staff": nil, "anybody": []string{"x", "open"}, "machine": nil,
}

func claims(provider string, changes object) object {
	now := time.Now().Unix()
	c := object{
		"iss": "https://" + provider + ".example", "sub": "staff-alice", "iat": now, "exp": now + 600, "aud": audience[provider],
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// tokenCases are good and bad tokens of each provider, and some that only one
// can have.
func tokenCases() []tokenCase {
	now := time.Now().Unix()
	var list []tokenCase
	add := func(name, provider, token string, traits ...string) {
		list = append(list, tokenCase{provider + " " + name, provider, token, traits})
	}
	for provider, own := range keys {
		key, stranger := own[0], strangers[provider][0]
		with := func(changes object) string { return key.JWT(nil, claims(provider, changes)) }
		good := with(nil)
		add("good", provider, good)
		for _, c := range []struct {
			name    string
			changes object
			traits  []string
		}{
			{"expired", object{"exp": now - 300}, nil},
			{"expired within the skew", object{"exp": now - 5}, nil},
			{"not yet valid", object{"nbf": now + 300}, nil},
			{"not yet valid within the skew", object{"nbf": now + 5}, nil},
			{"issued in the future", object{"iat": now + 300}, []string{"iat in the future"}},
			{"without exp", object{"exp": nil}, []string{"no exp"}},
			{"without iat", object{"iat": nil}, []string{"no iat"}},
			{"with exp as a string", object{"exp": "4000000000"}, nil},
			{"with exp as a fraction", object{"exp": float64(now) + 600.5}, nil},
			{"with a negative exp", object{"exp": -1}, nil},
			{"with exp beyond all time", object{"exp": 1e18}, []string{"distant exp"}},
			{"of another issuer", object{"iss": "https://evil.example"}, nil},
			{"of a similar issuer", object{"iss": "https://" + provider + ".example/"}, nil},
			{"without iss", object{"iss": nil}, nil},
			{"with iss as a number", object{"iss": 1}, []string{"odd claim"}},
			{"for another audience", object{"aud": "others"}, nil},
			{"without aud", object{"aud": nil}, nil},
			{"with an empty list of audiences", object{"aud": []string{}}, nil},
			{"with audiences that are numbers", object{"aud": []any{1, audience[provider]}}, []string{"odd claim"}},
			{"for one of two audiences", object{"aud": []any{"others", "api", "admin"}}, []string{"two audiences"}},
			{"for admin", object{"aud": "admin"}, nil},
			{"for the audience with another scheme", object{"aud": "http://lax.example/api"}, []string{"lax audience"}},
			{"for the api as an address", object{"aud": "https://api/"}, []string{"lax audience"}},
			{"of another subject", object{"sub": "bob"}, nil},
			{"without a subject", object{"sub": nil}, nil},
			{"with a number for a subject", object{"sub": 7}, []string{"odd claim"}},
			{"that lives too long", object{"exp": now + 7200}, nil},
			{"that lived long already", object{"iat": now - 7200, "exp": now + 600}, []string{"old token"}},
			{"that is bound to a key", object{"cnf": object{"jkt": "x"}}, []string{"cnf"}},
			{"of 8 KiB", object{"pad": strings.Repeat("x", 6<<10)}, []string{"8 KiB"}},
			{"of 20 KiB", object{"pad": strings.Repeat("x", 15<<10)}, []string{"long"}},
		} {
			add(c.name, provider, with(c.changes), c.traits...)
		}
		add("by a stranger", provider, stranger.JWT(nil, claims(provider, nil)))
		add("with another signature", provider, testkey.Forged(good))
		add("cut short", provider, good[:len(good)-3])
		add("without a signature", provider, good[:strings.LastIndexByte(good, '.')+1])
		add("with padding", provider, good+"=", "loose base64")
		add("of four parts", provider, good+".x")
		add("of the key's other algorithm", provider, key.JWT(object{"alg": "RS384"}, claims(provider, nil)))
		add("of no algorithm", provider, encode(object{"alg": "none"})+"."+encode(claims(provider, nil))+".")
		add("without kid", provider, key.JWT(object{"kid": nil}, claims(provider, nil)))
		add("with an unknown kid", provider, key.JWT(object{"kid": "unknown"}, claims(provider, nil)))
		add("with a number for kid", provider, key.JWT(object{"kid": 1}, claims(provider, nil)), "odd claim")
		add("of type at+jwt", provider, key.JWT(object{"typ": "at+jwt"}, claims(provider, nil)))
		add("of type dpop+jwt", provider, key.JWT(object{"typ": "dpop+jwt"}, claims(provider, nil)), "typ")
		add("with crit", provider, key.JWT(object{"crit": []string{"exp"}}, claims(provider, nil)), "crit")
		add("with a member twice", provider, twice(key, provider), "twice")
		add("with other bits at the end", provider, looseEnd(key, provider), "loose base64")
	}
	add("by its other key", "corp", keys["corp"][1].JWT(nil, claims("corp", nil)))
	add("by one key under the other's name", "corp", keys["corp"][1].JWT(object{"kid": "corp-rs"}, claims("corp", nil)))
	add("by a partner", "corp", keys["partner"][0].JWT(nil, claims("corp", nil)))
	add("of corp's issuer", "anybody", keys["anybody"][0].JWT(nil, claims("anybody", object{"iss": "https://corp.example"})), "issuer of another provider")
	for _, junk := range []string{"", "=", "x", "a.b", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a.", 40)} {
		add("junk "+junk, "", junk)
	}
	return list
}

// twice is a token that names its audience twice.
func twice(key *testkey.Key, provider string) string {
	payload, err := json.Marshal(claims(provider, nil))
	if err != nil {
		panic(err)
	}
	text := `{"aud":"others",` + string(payload[1:])
	parts := strings.Split(key.JWT(nil, nil), ".")
	return key.Signed(parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(text)))
}

// looseEnd has bits in the last character of its header that mean nothing.
func looseEnd(key *testkey.Key, provider string) string {
	header := object{"alg": key.Algorithm, "typ": "JWT", "x": ""}
	if key.ID != "" {
		header["kid"] = key.ID
	}
	text := encode(header)
	for len(text)%4 == 0 {
		header["x"] = header["x"].(string) + "x"
		text = encode(header)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	text = text[:len(text)-1] + string(alphabet[last|1])
	return key.Signed(text + "." + encode(claims(provider, nil)))
}
