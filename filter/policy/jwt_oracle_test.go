package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestDecideAgainstOracle: a request passes exactly if a slow, independent reader of the
// contract allows it, too, as the same subject of the same provider. Providers share
// issuers and key names, tokens and keys lack names, opaque tokens look like JWTs, and
// time and keys move. Scopes and claims come in many forms, and rules name them by path.
func TestDecideAgainstOracle(t *testing.T) {
	t.Parallel()
	people := map[string]*testIssuer{"a": issuerOnce(), "b": newTestIssuer(), "c": newTestIssuer()}
	const one, two = "https://one.example", "https://two.example"
	r := rand.New(rand.NewPCG(11, 4))
	reasons := map[string]int{}
	for round := range 10 {
		tokens := oracleTokens(r, people, one, two, 60)
		// A static token that is a good JWT by its form: it is that static token.
		static := people["a"].sign(map[string]any{"kid": "k1"}, map[string]any{"iss": one, "exp": testNow.Unix() + 900, "iat": nil, "jti": round})
		tokens = append(tokens, static)
		source := func(name string) map[string]any {
			return map[string]any{
				"type": "jwt", "cluster": name, "jwks_uri": "https://" + name + ".example/keys", "algorithms": []string{"RS256", "ES256", "EdDSA"},
				"refresh": "30s", "min_refresh": "1s", "max_refresh": "30s", "max_stale": "2m", "leeway": "7s",
			}
		}
		with := func(m map[string]any, pairs ...any) map[string]any {
			for i := 0; i < len(pairs); i += 2 {
				m[pairs[i].(string)] = pairs[i+1]
			}
			return m
		}
		p := mustParse(t, mustJSON(map[string]any{
			"subject_header": "x-sub", "claim_headers": []any{map[string]any{"claim": "n", "header": "x-n"}},
			"rules": oracleRules, "token_cache_bytes": []int{0, 4096, 1 << 20}[round%3],
			"providers": map[string]any{
				"p1": with(source("p1"), "issuer", one, "audiences", []string{"api"}),
				"p2": with(source("p2"), "issuers", []string{one, two}, "audiences", []string{"shop"}, "required_claims", []any{map[string]any{"claim": "tier", "values": []string{"gold", "1", "true"}}},
					"scope_claims", json.RawMessage(`[{"claim":"scp","form":"string_or_array"},{"claim":"scope"}]`)),
				"p3": with(source("p3"), "audiences", []string{"api", "any"}, "max_lifetime", "1h", "types", []string{"at+jwt"},
					"scope_claims", json.RawMessage(`[{"claim":["org","scopes"],"form":"array"}]`)),
				"st": map[string]any{"type": "static", "tokens": []any{map[string]any{
					"sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(static))), "subject": "opaque", "scopes": []string{"read", "a"}, "expires": testNow.Add(5 * time.Minute).UTC().Format(time.RFC3339),
				}}},
			},
		}))
		s := p.NewState(Host{})
		served := map[string][]map[string]any{"p1": oracleSet(r, people), "p2": oracleSet(r, people), "p3": oracleSet(r, people)}
		oracle := &jwtOracle{
			people: people, one: one, two: two, static: static, staticUntil: testNow.Add(5 * time.Minute).Truncate(time.Second),
			sets: map[string][]map[string]any{}, learned: map[string]time.Time{},
		}
		now := testNow
		for range 500 {
			switch r.IntN(10) {
			case 0:
				name := []string{"p1", "p2", "p3"}[r.IntN(3)]
				served[name] = oracleSet(r, people)
			case 1:
				now = now.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
			case 2:
				s.Sweep(now)
			}
			for _, call := range s.Due(now) {
				set := served[call.Provider]
				answer := fetch.Answer{OK: r.IntN(8) > 0, Headers: [][2]string{{":status", "200"}}, Body: []byte(jwkSet(set...))}
				if l := s.Learn(now, call, answer); l.Failure == "" && l.Settled {
					oracle.learn(call.Provider, set, now)
				}
			}
			oracle.forget(now)
			token := tokens[r.IntN(len(tokens))]
			path := pick(r, "/", "/", "/", "/scopes", "/scopes", "/claims", "/matches")
			pairs := [][2]string{{":method", "GET"}, {":path", path}, {"authorization", "Bearer " + token}}
			spoiled := true
			switch r.IntN(24) {
			case 0:
				pairs[1][1] = path + "?a=b&access%5ftoken=" + token
			case 1:
				pairs = append(pairs, [2]string{"authorization", "Basic eDp5"})
			case 2:
				pairs[2][1] = "Bearer " + token + ",Basic eDp5"
			case 3:
				pairs[2][1] = "Bearer " + token + "="
			case 4:
				pairs[2][1] = "Bearer\t" + token
			case 5:
				pairs[2][1] = " beaRER   " + token + "\t"
				spoiled = false
			default:
				spoiled = false
			}
			req := request.NewRequest(pairs)
			v := p.Decide(s, now, &req)
			reasons[decided(v)]++
			if r.IntN(2) == 0 {
				explained(t, s, now, &req, v, token)
			}
			got := "no"
			if a, ok := v.(*verdict.Allow); ok {
				got = a.Identity.Provider + " " + setHeader(a, "x-sub") + " " + setHeader(a, "x-n")
			} else if d := v.(*verdict.Deny); d.Status == 403 {
				got = d.Identity.Provider + " " + d.Identity.Subject + " " + d.Reason.String()
			}
			want := "no"
			if !spoiled {
				want = oracle.judge(token, path, now)
			}
			if got != want {
				t.Fatalf("round %d after %s: %s (%s), want %s: %q\n%s", round, now.Sub(testNow), got, decided(v), want, pairs[2][1], readable(token))
			}
		}
	}
	for _, reason := range []string{"token_valid", "expired", "bad_signature", "wrong_claim", "wrong_type", "wrong_audience", "lifetime", "keys_unavailable", "several_credentials", "malformed_token", "insufficient_scope", "insufficient_claims"} {
		if reasons[reason] < 5 {
			t.Errorf("%s came up %d times: %v", reason, reasons[reason], reasons)
		}
	}
}

var oracleRules = json.RawMessage(`[
	{"match": {"path": "/scopes"}, "scopes": ["read"], "any_scopes": ["a", "b"]},
	{"match": {"path": "/claims"}, "claims": [{"claim": ["org", "roles"], "contains": "admin"}, {"claim": "n", "one_of": [1, "x", true]}]},
	{"match": {"path": "/matches"}, "any_scopes": ["b", "read"], "claims": [{"claim": "sub", "matches": "u[0-9]*[02468]"}, {"claim": "org", "exists": true}]}]`)

func readable(token string) string {
	parts := strings.Split(token, ".")
	for i := range parts[:len(parts)-1] {
		b, _ := base64.RawURLEncoding.DecodeString(parts[i])
		parts[i] = string(b)
	}
	return strings.Join(parts, "\n")
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func oracleSet(r *rand.Rand, people map[string]*testIssuer) (set []map[string]any) {
	for range 1 + r.IntN(4) {
		who := pick(r, "a", "a", "b")
		key := people[who].jwk(pick(r, "RS256", "RS256", "ES256", "EdDSA"), "")
		key["kid"] = pick(r, "k1", "k1", "k2", "")
		switch r.IntN(5) {
		case 0:
			delete(key, "kid")
		case 1:
			delete(key, "alg")
		}
		set = append(set, key)
	}
	return set
}

func oracleTokens(r *rand.Rand, people map[string]*testIssuer, one, two string, n int) (tokens []string) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	date := func() any {
		at := testNow.Unix() + r.Int64N(600)
		return pick[any](r, at, at, float64(at)+0.25, raw(fmt.Sprintf("%de0", at)), raw(fmt.Sprintf("%d00E-2", at)))
	}
	for i := range n {
		header := map[string]any{"alg": pick(r, "RS256", "RS256", "ES256", "EdDSA"), "kid": pick[any](r, "k1", "k1", "k2", "", nil, "k9"), "typ": pick[any](r, nil, "JWT", "at+jwt", "application/AT+JWT", "dpop+jwt")}
		claims := map[string]any{
			"iss": pick[any](r, one, one, one, two, two, "https://three.example", nil), "sub": fmt.Sprint("u", i), "exp": date(), "iat": pick[any](r, nil, nil, testNow.Unix()-10, testNow.Unix()-3600),
			"aud": pick[any](r, "api", "api", "shop", []string{"shop", "api"}, []string{"api", "any"}, "any", []string{}, nil), "tier": pick[any](r, "gold", 1, true, []string{"x", "gold"}, []int{1}, "lead", nil, raw("1.0")),
		}
		claims["scope"] = pick[any](r, "read a", "read  b x", "read", "a b", nil, []string{"read", "a"}, "Read A", "read\ta")
		claims["scp"] = pick[any](r, nil, []string{"read", "b"}, []any{"read a", 7, nil, "a"}, "read b", map[string]any{"read": "a"})
		claims["org"] = pick[any](r, map[string]any{"roles": []string{"admin"}, "scopes": []string{"read", "a"}}, map[string]any{"roles": []any{[]string{"admin"}, "Admin"}, "scopes": "read a"},
			map[string]any{"roles": "admin", "scopes": []any{"a", 1, "read"}}, map[string]any{"x": map[string]any{"roles": []string{"admin"}}, "roles": []any{nil, "admin"}}, []string{"admin"}, raw("null"), nil)
		claims["n"] = pick[any](r, 1, 1, "x", true, raw("1.0"), "1", "true", raw("9007199254740993"), raw("-0"), raw("1e40"), nil, raw("null"), []int{1})
		switch r.IntN(14) {
		case 0:
			claims["nbf"] = date()
		case 1:
			claims["exp"] = pick[any](r, nil, "x", raw("-0"), raw("1e400"), testNow.UnixMilli())
		case 2:
			claims["cnf"] = raw("{}")
		case 3:
			claims["aud"] = raw(`["api",null]`)
		}
		token := people[pick(r, "a", "a", "a", "a", "a", "b", "c")].sign(header, claims)
		if r.IntN(12) == 0 {
			parts := strings.Split(token, ".")
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			parts[1] = b64([]byte(pick(r, string(payload)+" ", `{"\u0073ub":"root",`+string(payload)[1:])))
			token = strings.Join(parts, ".")
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// jwtOracle reads with encoding/json, tries every key, and remembers nothing.
type jwtOracle struct {
	people      map[string]*testIssuer
	one, two    string
	static      string
	staticUntil time.Time
	sets        map[string][]map[string]any // by provider
	learned     map[string]time.Time
}

func (o *jwtOracle) learn(provider string, set []map[string]any, now time.Time) {
	o.sets[provider], o.learned[provider] = set, now
}

// forget drops the sets that are as old as max_stale.
func (o *jwtOracle) forget(now time.Time) {
	for provider, at := range o.learned {
		if now.Sub(at) >= 2*time.Minute {
			delete(o.sets, provider)
		}
	}
}

func (o *jwtOracle) judge(token, path string, now time.Time) string {
	if token == o.static {
		switch {
		case !now.Before(o.staticUntil):
			return "no"
		case path == "/claims" || path == "/matches":
			return "st opaque insufficient_claims"
		}
		return "st opaque "
	}
	parts := strings.Split(token, ".")
	header, claims := map[string]any{}, map[string]any{}
	for i, m := range []map[string]any{header, claims} {
		b, _ := base64.RawURLEncoding.DecodeString(parts[i])
		if strings.Contains(string(b), `\u0073ub`) || json.Unmarshal(b, &m) != nil {
			return "no"
		}
	}
	audience, ok := []string{}, true
	switch aud := claims["aud"].(type) {
	case string:
		audience = []string{aud}
	case []any:
		for _, item := range aud {
			s, isText := item.(string)
			audience, ok = append(audience, s), ok && isText
		}
	}
	provider := "p3"
	switch claims["iss"] {
	case o.one:
		provider = "p1"
		if !slices.Contains(audience, "api") && slices.Contains(audience, "shop") {
			provider = "p2"
		}
	case o.two:
		provider = "p2"
	}
	if !ok || claims["cnf"] != nil || !o.signed(provider, header, parts[0]+"."+parts[1], parts[2]) {
		return "no"
	}
	at := new(big.Float).SetPrec(200).Quo(new(big.Float).SetPrec(200).SetInt64(now.UnixNano()), big.NewFloat(1e9))
	after := func(claim any, leeway float64) bool { // at >= claim + leeway
		limit := new(big.Float).SetPrec(200).SetFloat64(claim.(float64))
		return at.Cmp(limit.Add(limit, big.NewFloat(leeway))) >= 0
	}
	exp, hasExp := claims["exp"].(float64)
	if !hasExp || exp > 253402300799 || after(exp, 7) || claims["nbf"] != nil && !after(claims["nbf"], -7) || claims["iat"] != nil && !after(claims["iat"], -7) {
		return "no"
	}
	typ, _ := header["typ"].(string)
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	switch provider {
	case "p1":
		ok = slices.Contains(audience, "api") && typ != "dpop+jwt"
	case "p2":
		tier := false
		switch v := claims["tier"].(type) {
		case string:
			tier = v == "gold"
		case bool:
			tier = v
		case float64: // as it is written
			b, _ := base64.RawURLEncoding.DecodeString(parts[1])
			tier = v == 1 && !strings.Contains(string(b), `"tier":1.0`)
		case []any:
			tier = slices.Contains(v, any("gold"))
		}
		ok = slices.Contains(audience, "shop") && typ != "dpop+jwt" && tier
	case "p3":
		iat, hasIat := claims["iat"].(float64)
		ok = (slices.Contains(audience, "api") || slices.Contains(audience, "any")) && typ == "at+jwt" && hasIat && exp-iat <= 3600
	}
	if !ok {
		return "no"
	}
	written := map[string]json.RawMessage{}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if err := json.Unmarshal(payload, &written); err != nil {
		panic(err)
	}
	said := provider + " " + claims["sub"].(string) + " "
	if reason := oracleLacks(path, oracleScopes(provider, claims), claims, string(written["n"])); reason != "" {
		return said + reason
	}
	var text string
	switch n := string(written["n"]); {
	case n == "null" || strings.HasPrefix(n, "["):
		return said
	case json.Unmarshal([]byte(n), &text) == nil:
		return said + text
	default:
		return said + n
	}
}

// oracleScopes reads scopes as the configuration above has them.
func oracleScopes(provider string, claims map[string]any) (scopes []string) {
	split := func(text string) {
		for _, scope := range strings.Split(text, " ") {
			if scope != "" && !strings.Contains(scope, "\t") {
				scopes = append(scopes, scope)
			}
		}
	}
	list := func(items []any) {
		for _, item := range items {
			if text, ok := item.(string); ok && !strings.Contains(text, " ") {
				scopes = append(scopes, text)
			}
		}
	}
	if text, ok := claims["scope"].(string); ok && provider != "p3" {
		split(text)
	}
	switch scp := claims["scp"].(type) {
	case string:
		if provider == "p2" {
			split(scp)
		}
	case []any:
		if provider == "p2" {
			list(scp)
		}
	}
	if org, ok := claims["org"].(map[string]any); ok && provider == "p3" {
		items, _ := org["scopes"].([]any)
		list(items)
	}
	return scopes
}

// oracleLacks is why a valid token is not enough at a path, "" if it is.
func oracleLacks(path string, scopes []string, claims map[string]any, n string) string {
	has := func(scope string) bool { return slices.Contains(scopes, scope) }
	org, isObject := claims["org"].(map[string]any)
	switch path {
	case "/scopes":
		if !has("read") || !has("a") && !has("b") {
			return "insufficient_scope"
		}
	case "/claims":
		roles, _ := org["roles"].([]any)
		if !slices.ContainsFunc(roles, func(role any) bool { return role == "admin" }) || !slices.Contains([]string{"1", `"x"`, "true"}, n) {
			return "insufficient_claims"
		}
	case "/matches":
		if !has("b") && !has("read") {
			return "insufficient_scope"
		}
		sub := claims["sub"].(string)
		if _, isArray := claims["org"].([]any); !isObject && !isArray || !strings.ContainsAny(sub[len(sub)-1:], "02468") {
			return "insufficient_claims"
		}
	}
	return ""
}

// signed tries the provider's keys of that name and those without one.
func (o *jwtOracle) signed(provider string, header map[string]any, text, encoded string) bool {
	signature, _ := base64.RawURLEncoding.DecodeString(encoded)
	digest := sha256.Sum256([]byte(text))
	for _, key := range o.sets[provider] {
		kid, named := key["kid"]
		if alg := key["alg"]; header["kid"] != nil && named && kid != header["kid"] || alg != nil && alg != header["alg"] {
			continue
		}
		for _, who := range o.people {
			switch {
			case header["alg"] == "RS256" && key["n"] == b64(who.rsa.N.Bytes()):
				if rsa.VerifyPKCS1v15(&who.rsa.PublicKey, crypto.SHA256, digest[:], signature) == nil {
					return true
				}
			case header["alg"] == "ES256" && key["x"] == who.jwk("ES256", "")["x"] && len(signature) == 64:
				if ecdsa.Verify(&who.ec.PublicKey, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
					return true
				}
			case header["alg"] == "EdDSA" && key["x"] == who.jwk("EdDSA", "")["x"]:
				if ed25519.Verify(who.ed.Public().(ed25519.PublicKey), []byte(text), signature) {
					return true
				}
			}
		}
	}
	return false
}
