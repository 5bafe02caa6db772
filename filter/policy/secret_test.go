package policy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
)

// hidden is a value where a secret may be by mistake. It is no name of a member, of a
// variable or of a provider.
const hidden = "Fake.S3CRET/kQ7+xJ2=="

// shapes are a secret as it may be written: by itself, cut, in other encodings, in
// other types of JSON value, and as the name of a member.
func shapes(secret string) map[string]any {
	return map[string]any{
		"as it is":        secret,
		"twice":           secret + secret,
		"with a scheme":   "Bearer " + secret,
		"with a newline":  secret + "\n",
		"with a zero":     secret + "\x00",
		"in base64":       base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64url":    base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"too long":        strings.Repeat(secret, 2000),
		"PEM":             "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n",
		"PEM of its name": "-----BEGIN " + secret + "-----\nAAAA\n-----END " + secret + "-----\n",
		"as JSON":         `{"keys":[{"kty":"oct","k":"` + secret + `"}]}`,
		"as broken JSON":  `{"keys":[{"kty":"oct","k":"` + secret,
		"expression":      "(" + secret,
		"list":            []any{secret, secret},
		"object":          map[string]any{secret: secret},
		"object in list":  []any{map[string]any{secret: secret}, map[string]any{"sha256": secret, secret: 1}},
		"JWK":             map[string]any{"kty": "oct", "k": secret},
		"JWK Set":         map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": secret}, map[string]any{"kty": "RSA", "d": secret, "n": secret, "e": "AQAB"}, secret}},
		"raw duplicate":   json.RawMessage(fmt.Sprintf(`{%q: 1, %q: 2}`, secret, secret)),
	}
}

// leaked says which part of the secret a text shows.
func leaked(text string) string {
	for _, part := range []string{"S3CRET", "kQ7", "xJ2", base64.RawURLEncoding.EncodeToString([]byte(hidden))[4:16]} {
		if strings.Contains(text, part) {
			return part
		}
	}
	return ""
}

// explainedText explains a few requests by a configuration.
func explainedText(p *Policy) (text string) {
	s := p.NewState(Host{})
	for _, headers := range [][2]string{{"x-a", "b"}, {"authorization", "Bearer fake.fake.fake"}, {"authorization", "Bearer opaque"}} {
		r := request.NewRequest([][2]string{{":method", "GET"}, {":authority", "a.example"}, {":path", "/x?api_key=fake"}, headers})
		v := p.Decide(s, testNow, &r)
		for _, step := range p.Explain(s, testNow, &r, v) {
			text += step.String() + "\n"
		}
	}
	return text
}

// TestSecretsAreNotShown: no problem, warning or error shows any part of a value at a
// secret's place, at the name of a secret's variable, or where a secret may be by mistake.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	jwt := func(members m) m {
		return with(m{"type": "jwt", "issuer": "https://i.example", "audiences": []string{"api"}, "algorithms": []string{"HS256"}}, members)
	}
	server := func(members m) m {
		return with(m{
			"type": "introspection", "cluster": "as", "introspection_uri": "https://as.example/i", "client_id": "gate",
			"client_secret": "fake", "issuers": []string{"https://as.example"},
		}, members)
	}
	signed := func(members m) m {
		return server(m{"signed_response": with(m{"issuer": "https://as.example", "algorithms": []string{"HS256"}}, members)})
	}
	key := jwt(m{"secret": b64([]byte(strings.Repeat("fake", 8)))})
	rule := func(match m) m { return m{"match": with(m{"path": "/x"}, match)} }
	places := map[string]func(v any) m{
		"tokens":   func(v any) m { return m{"providers": m{"p": m{"type": "static", "tokens": v}}} },
		"tokens[]": func(v any) m { return m{"providers": m{"p": m{"type": "static", "tokens": []any{v, v}}}} },
		"sha256":   func(v any) m { return m{"providers": m{"p": m{"type": "static", "tokens": []any{m{"sha256": v}}}}} },
		"token":    func(v any) m { return m{"providers": m{"p": m{"type": "static", "tokens": []any{m{"token": v}}}}} },
		"attributes": func(v any) m {
			return m{"providers": m{"p": m{"type": "static", "tokens": []any{m{"attributes": m{"key": v}}}}}}
		},
		"scopes": func(v any) m {
			return m{"providers": m{"p": m{"type": "static", "tokens": []any{m{"scopes": []any{v, v}}}}}}
		},
		"static, secret":     func(v any) m { return m{"providers": m{"p": m{"type": "static", "client_secret": v}}} },
		"secret":             func(v any) m { return m{"providers": m{"p": jwt(m{"secret": v})}} },
		"secret_environment": func(v any) m { return m{"providers": m{"p": jwt(m{"secret_environment": v})}} },
		"secret twice":       func(v any) m { return m{"providers": m{"p": jwt(m{"secret": v, "secret_environment": v})}} },
		"hmac":               func(v any) m { return m{"providers": m{"p": jwt(m{"hmac_secret": v})}} },
		"jwks":               func(v any) m { return m{"providers": m{"p": jwt(m{"jwks": v})}} },
		"jwks.keys":          func(v any) m { return m{"providers": m{"p": jwt(m{"jwks": m{"keys": v}})}} },
		"jwks.keys[].k": func(v any) m {
			return m{"providers": m{"p": jwt(m{"jwks": m{"keys": []any{m{"kty": "oct", "k": v}}}})}}
		},
		"jwks.keys[].d": func(v any) m {
			return m{"providers": m{"p": jwt(m{"jwks": m{"keys": []any{m{"kty": "RSA", "d": v}}}})}}
		},
		"jwks.keys[].use": func(v any) m {
			return m{"providers": m{"p": jwt(m{"jwks": m{"keys": []any{m{"kty": "oct", "use": v}}}})}}
		},
		"pem":                func(v any) m { return m{"providers": m{"p": jwt(m{"pem": v})}} },
		"jwt, client_secret": func(v any) m { return m{"providers": m{"p": with(key, m{"client_secret": v})}} },
		"client_secret": func(v any) m {
			return m{"providers": m{"p": server(m{"client_secret": v, "client_authentication": "bearer"})}}
		},
		"client_secret, none": func(v any) m { return m{"providers": m{"p": server(m{"client_id": nil, "client_secret": v})}} },
		"client_secret_env": func(v any) m {
			return m{"providers": m{"p": server(m{"client_secret": nil, "client_secret_environment": v})}}
		},
		"client_secret twice": func(v any) m {
			return m{"providers": m{"p": server(m{"client_secret": v, "client_secret_environment": v})}}
		},
		"client_secret, kind": func(v any) m { return m{"providers": m{"p": server(m{"client_authentication": v})}} },
		"client_secret, key": func(v any) m {
			return m{"providers": m{"p": server(m{"client_authentication": "private_key_jwt", "client_secret": v})}}
		},
		"private_key": func(v any) m {
			return m{"providers": m{"p": server(m{"client_secret": nil, "client_authentication": "private_key_jwt", "assertion_audience": "as", "private_key": v})}}
		},
		"private_key_env": func(v any) m {
			return m{"providers": m{"p": server(m{"client_secret": nil, "client_authentication": "private_key_jwt", "assertion_audience": "as", "private_key_environment": v})}}
		},
		"private_key, kind":    func(v any) m { return m{"providers": m{"p": server(m{"private_key": v})}} },
		"private_key_id":       func(v any) m { return m{"providers": m{"p": server(m{"private_key_id": v})}} },
		"token_prefix":         func(v any) m { return m{"providers": m{"p": server(m{"token_prefix": v})}} },
		"token_regex":          func(v any) m { return m{"providers": m{"p": server(m{"token_regex": v})}} },
		"token_type_hint":      func(v any) m { return m{"providers": m{"p": server(m{"token_type_hint": v})}} },
		"client_id":            func(v any) m { return m{"providers": m{"p": server(m{"client_id": v})}} },
		"signed, secret":       func(v any) m { return m{"providers": m{"p": signed(m{"secret": v})}} },
		"signed, environment":  func(v any) m { return m{"providers": m{"p": signed(m{"secret_environment": v})}} },
		"signed, jwks":         func(v any) m { return m{"providers": m{"p": signed(m{"jwks": v})}} },
		"signed, other":        func(v any) m { return m{"providers": m{"p": signed(m{"client_secret": v})}} },
		"introspection, other": func(v any) m { return m{"providers": m{"p": server(m{"secret": v, "tokens": v})}} },
		"type":                 func(v any) m { return m{"providers": m{"p": m{"type": v}}} },
		"provider":             func(v any) m { return m{"providers": m{"p": v}} },
		"providers":            func(v any) m { return m{"providers": m{"p": key}, "client_secret": v} },
		"a header's value": func(v any) m {
			return m{"providers": m{"p": key}, "rules": []any{rule(m{"headers": []any{m{"name": "authorization", "equal": v}}})}}
		},
		"a header's pattern": func(v any) m {
			return m{"providers": m{"p": key}, "rules": []any{rule(m{"headers": []any{m{"name": "authorization", "regex": v}}})}}
		},
		"a header": func(v any) m {
			return m{"providers": m{"p": key}, "rules": []any{rule(m{"headers": []any{m{"name": "authorization", "authorization": v}}})}}
		},
		"a query's value": func(v any) m {
			return m{"providers": m{"p": key}, "rules": []any{rule(m{"query": []any{m{"name": "api_key", "equal": v}, m{"name": "api_key", "regex": v}}})}}
		},
		"a claim": func(v any) m {
			return m{"providers": m{"p": key}, "rules": []any{m{"claims": []any{m{"claim": "hash", "matches": v}, m{"claim": "hash", "equal": v}}}}}
		},
		"refusal_headers": func(v any) m {
			return m{"providers": m{"p": key}, "refusal_headers": []any{m{"name": "x-key", "value": v}, m{"name": "x-key", "value": v}}}
		},
		"revocations": func(v any) m {
			return m{"providers": m{"p": key}, "revocations": m{"entries": []any{m{"iss": "https://i.example", "jti": v}, v}}}
		},
	}
	// Objects in which a secret may be the name of a member.
	for name, members := range map[string]func(m) m{
		"static": func(o m) m { return m{"providers": m{"p": with(m{"type": "static", "tokens": []any{}}, o)}} },
		"token":  func(o m) m { return m{"providers": m{"p": m{"type": "static", "tokens": []any{o, o}}}} },
		"jwt":    func(o m) m { return m{"providers": m{"p": with(key, o)}} }, "introspection": func(o m) m { return m{"providers": m{"p": server(o)}} },
		"signed": func(o m) m { return m{"providers": m{"p": signed(o)}} },
	} {
		places[name+", as a name"] = func(v any) m { return members(m{hidden: v}) }
	}
	refused, empty := 0, func(string) (string, bool) { return "", false }
	for name, place := range places {
		for shape, v := range shapes(hidden) {
			config := mustMarshal(t, place(v))
			if shape == "raw duplicate" {
				// encoding/json compacts a RawMessage, and so keeps what is said twice.
				config = []byte(strings.ReplaceAll(string(config), "\n", ""))
			}
			for _, environment := range []func(string) (string, bool){
				empty, func(string) (string, bool) { return hidden, true }, func(string) (string, bool) { return "-----BEGIN " + hidden, true },
			} {
				p, err := ParseWith(config, environment)
				text := ""
				if err != nil {
					refused++
					text = err.Error()
				} else {
					text = strings.Join(p.Warnings(), "\n") + p.Summary() + explainedText(p)
				}
				if part := leaked(text); part != "" {
					t.Errorf("%s, %s: %q is shown: %.400s", name, shape, part, text)
				}
			}
			// Broken behind the secret, and without its quotes.
			for _, broken := range []string{string(config[:len(config)-1]), strings.ReplaceAll(string(config), `"`+hidden+`"`, hidden)} {
				if _, err := ParseWith([]byte(broken), empty); err != nil {
					if part := leaked(err.Error()); part != "" {
						t.Errorf("%s, %s, broken: %q is shown: %.400s", name, shape, part, err)
					}
				}
			}
		}
	}
	if refused < 1500 {
		t.Errorf("%d configurations are refused: the property says little", refused)
	}
}
