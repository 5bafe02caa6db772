package policy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// TestQuickAgrees: Decide allows all that Quick allows in the same way, before or after
// it; and Quick does allow the requests that it is for.
func TestQuickAgrees(t *testing.T) {
	t.Parallel()
	issuer, other := issuerOnce(), newTestIssuer()
	r := rand.New(rand.NewPCG(3, 3))
	both := strings.Replace(jwtConfig(t, map[string]any{"leeway": "0s"}), `"providers":{`,
		fmt.Sprintf(`"providers":{"static":{"type":"static","tokens":[{"sha256":%q,"subject":"bob"},{"sha256":%q,"expires":%q}]},`,
			digestOf("fake-token"), digestOf("fake-old"), testNow.Add(5*time.Second).Format(time.RFC3339)), 1)
	both = strings.Replace(both, `,"subject_header":"x-sub"`, "", 1)
	both = strings.Replace(both, `"claim_headers":[{"claim":"tier","header":"x-tier"}],`, "", 1)
	for _, more := range []string{
		"", `"forward_authorization":true,`, `"non_canonical_paths":"reject",`,
		`"filter_state":["scope"],"claim_headers":[{"claim":"scope","filter_state":"s","missing":"deny"}],`,
	} {
		p := mustParse(t, "{"+more+both[1:])
		if !p.OnlyCredential() {
			t.Fatal("this configuration is not for Quick")
		}
		quick, slow := p.NewState(Host{}), p.NewState(Host{})
		tokens := []string{
			issuer.sign(nil, nil), issuer.sign(nil, map[string]any{"exp": testNow.Unix() + 7}),
			issuer.sign(nil, map[string]any{"nbf": testNow.Unix() + 3}), other.sign(nil, nil),
			issuer.sign(nil, map[string]any{"aud": "x"}), issuer.sign(nil, map[string]any{"scope": nil}), "fake-token", "fake-old", "fake-x", "a.b.c", "", " ",
		}
		paths := []string{"/", "/a/b?x=1", "/a/../b", "/a?access_token=1", "/a?b;access_token", "//", "/%61", "*", "/a#b", "/x?%61ccess_token=1"}
		forms := []string{"Bearer %s", "bearer %s", "Bearer  %s", "Bearer\t%s", "Bearer %s ", "Basic %s", "Bearer %s,Bearer x", "%s"}
		allowed := 0
		for range 4000 {
			now := testNow.Add(time.Duration(r.IntN(10)) * time.Second)
			authorization := fmt.Sprintf(forms[r.IntN(len(forms))*r.IntN(2)], tokens[r.IntN(len(tokens))])
			path := paths[r.IntN(len(paths))*r.IntN(2)]
			request := request.NewRequest([][2]string{{":method", "GET"}, {":path", path}, {"authorization", authorization}})
			got := p.Quick(quick, now, authorization, path)
			var copied verdict.Allow
			if got != nil {
				copied = copyOfAllow(got)
				allowed++
			}
			want := p.Decide(slow, now, &request)
			p.Decide(quick, now, &request)
			if got == nil {
				continue
			}
			a, ok := want.(*verdict.Allow)
			if !ok {
				t.Fatalf("%q %q: Quick allows, Decide says %s", authorization, path, decided(want))
			}
			same := copyOfAllow(a)
			a = &same
			if !reflect.DeepEqual(*a, copied) {
				t.Fatalf("%q %q: Quick %+v, Decide %+v", authorization, path, copied, *a)
			}
		}
		if allowed < 200 {
			t.Errorf("%d of 4000 were quick: the property says little", allowed)
		}
	}
}

// TestQuickUnderEveryConfiguration: Quick and Decide allow alike, under every configuration
// with a Quick, for any other headers of the request.
func TestQuickUnderEveryConfiguration(t *testing.T) {
	t.Parallel()
	issuer, other := issuerOnce(), newTestIssuer()
	r := rand.New(rand.NewPCG(21, 3))
	keys := raw(jwkSet(issuer.jwk("RS256", "k1")))
	policies, allowed := 0, 0
	for range 80 {
		providers := map[string]any{"idp": map[string]any{
			"type": "jwt", "issuer": "https://issuer.example", "audiences": []string{"api"}, "leeway": "0s", "jwks": keys,
			"scope_claims": raw(`[{"claim":"tier","form":"string_or_array"}]`),
		}}
		if r.IntN(2) == 0 {
			providers["two"] = map[string]any{
				"type": "jwt", "issuer": "https://two.example", "audiences": []string{"api"}, "jwks": keys,
				"required_claims": raw(`[{"claim":"tier","values":["gold"]}]`),
			}
		}
		if r.IntN(2) == 0 {
			providers["s"] = raw(`{"type":"static","tokens":[{"sha256":"` + digestOf("fake-token") + `","attributes":{"tier":"lead"}},{"sha256":"` + digestOf("fake token") + `"}]}`)
		}
		options := []string{`"providers":` + mustJSON(providers)}
		options = append(options, chosen(r, [][]string{
			{"", `"forward_authorization":true`},
			{"", "", `"non_canonical_paths":"reject"`},
			{"", `"subject_filter_state":false`},
			{"", `"filter_state":["payload","scope"]`, `"filter_state":["client_id","provider"]`},
			{
				"", `"claim_headers":[{"claim":"tier","filter_state":"t","missing":"deny"}]`,
				`"claim_headers":[{"claim":"tier","filter_state":"t","default":"x","format":"json","base64url":true}]`,
			},
			{"", `"protected_resources":{"a":{"resource":"https://api.example/mcp"},"b":{"resource":"https://b.example"}}`},
			{"", `"cors":{"allowed_origins":["*"]}`, `"cors":{"preflight":true,"allowed_origins":["*"]}`},
			{"", `"token_cache_bytes":0`, `"token_cache_bytes":2000`},
		})...)
		p := mustParse(t, "{"+strings.Join(options, ",")+"}")
		if !p.OnlyCredential() {
			continue
		}
		policies++
		quick, slow := p.NewState(Host{}), p.NewState(Host{})
		gold := map[string]any{"tier": "gold"}
		tokens := []string{
			"fake-token", "fake token", "fake-x", issuer.sign(nil, nil), issuer.sign(nil, gold), issuer.sign(nil, map[string]any{"tier": []string{"a"}}), other.sign(nil, gold),
			issuer.sign(nil, map[string]any{"iss": "https://two.example", "tier": "gold"}), issuer.sign(nil, map[string]any{"iss": "https://two.example"}),
			issuer.sign(nil, map[string]any{"exp": testNow.Unix() + 3, "tier": "gold"}),
		}
		tokens = append(tokens, tokens[3]+"=", tokens[3][:len(tokens[3])-1])
		for range 100 {
			now := testNow.Add(time.Duration(r.IntN(6)) * time.Second)
			authorization := fmt.Sprintf(pick(r, "Bearer %s", "Bearer %s", "bEARER %s", "Bearer  %s", "Bearer %s,", " Bearer %s"), pick(r, tokens...))
			path := pick(r, "/", "/", "/a", metadataPath, wellKnownResource, wellKnownResource+"/x", "/a?x", "/a?access_token=b", "/a//b", "/a#"+metadataPath, "/a?"+metadataPath)
			pairs := [][2]string{{":method", pick(r, "GET", "OPTIONS", "CONNECT")}, {":authority", "api.example"}, {":path", path}, {"authorization", authorization}}
			pairs = append(pairs, sprinkled(r, 3, [][2]string{
				{"connection", "authorization, x-sub"},
				{"origin", "https://app.example"},
				{"access-control-request-method", "GET"},
				{"content-type", "application/grpc"},
				{"proxy-authorization", "Bearer x"},
				{"upgrade", "websocket"},
			})...)
			request := request.NewRequest(pairs)
			got := p.Quick(quick, now, authorization, path)
			if got == nil {
				p.Decide(quick, now, &request)
				continue
			}
			allowed++
			copied := copyOfAllow(got)
			a, ok := p.Decide(slow, now, &request).(*verdict.Allow)
			if !ok || !reflect.DeepEqual(copyOfAllow(a), copied) {
				t.Fatalf("%v\n%q: Quick %+v, Decide %+v", options, pairs, copied, a)
			}
		}
	}
	if policies < 30 || allowed < 300 {
		t.Errorf("%d requests by %d policies were quick: the property says little", allowed, policies)
	}
}

// TestQuickWithHeadersOfItsOwn: where the filter sets headers, Decide looks for
// the commonest request first, and finds what it would have found without.
func TestQuickWithHeadersOfItsOwn(t *testing.T) {
	t.Parallel()
	issuer, other := issuerOnce(), newTestIssuer()
	r := rand.New(rand.NewPCG(22, 3))
	keys := raw(jwkSet(issuer.jwk("RS256", "k1")))
	allowed, forged := 0, 0
	for range 60 {
		options := []string{`"subject_header":"x-sub"`, `"providers":` + mustJSON(map[string]any{
			"idp": map[string]any{
				"type": "jwt", "issuer": "https://issuer.example", "audiences": []string{"api"}, "leeway": "0s", "jwks": keys,
			},
			"s": raw(`{"type":"static","tokens":[{"sha256":"` + digestOf("fake-token") + `","subject":"bob","attributes":{"tier":"lead"}},{"sha256":"` + digestOf("fake token") + `"}]}`),
		})}
		options = append(options, chosen(r, [][]string{
			{"", `"forward_authorization":true`},
			{"", `"token_header":"x-token"`, `"provider_header":"x-provider"`},
			{"", `"subject_filter_state":false`},
			{"", `"non_canonical_paths":"reject"`},
			{"", `"claim_headers":[{"claim":"tier","header":"x-tier","missing":"deny"}]`, `"claim_headers":[{"claim":"tier","header":"x-tier","default":"none"}]`},
			{"", `"protected_resources":{"a":{"resource":"https://api.example/mcp"}}`},
			{"", `"cors":{"allowed_origins":["*"]}`, `"cors":{"preflight":true,"allowed_origins":["*"]}`},
			{"", `"rules":[{"match":{"path":"/a"},"access":"anonymous"}]`},
		})...)
		p := mustParse(t, "{"+strings.Join(options, ",")+"}")
		quick, slow := p.NewState(Host{}), p.NewState(Host{})
		tokens := []string{
			"fake-token", "fake token", "fake-x", issuer.sign(nil, nil), issuer.sign(nil, map[string]any{"tier": "gold"}),
			issuer.sign(nil, map[string]any{"exp": testNow.Unix() + 3, "tier": "gold"}), other.sign(nil, map[string]any{"tier": "gold"}),
		}
		for range 200 {
			now := testNow.Add(time.Duration(r.IntN(6)) * time.Second)
			pairs := [][2]string{{":method", pick(r, "GET", "OPTIONS")}, {":authority", "api.example"}}
			if r.IntN(20) > 0 {
				pairs = append(pairs, [2]string{":path", pick(r, "/", "/b", "/a", wellKnownResource+"/mcp", "/b?access_token=b", "/b//c", "/b?x=%41")})
			}
			for range 1 + r.IntN(10)/9 {
				form := pick(r, "Bearer %s", "Bearer %s", "Bearer %s", "bEARER %s", "Bearer  %s", "Bearer %s,", "Basic %s")
				pairs = append(pairs, [2]string{"authorization", fmt.Sprintf(form, pick(r, tokens...))})
			}
			pairs = append(pairs, sprinkled(r, 5, [][2]string{
				{"x-sub", "mallory"},
				{"x_sub", "mallory"},
				{"x.tier", "gold"},
				{"x-token", "t"},
				{"x-provider", "p"},
				{"connection", "keep-alive, x-sub"},
				{"connection", "close"},
				{"origin", "https://app.example"},
				{"access-control-request-method", "GET"},
				{"content-type", "application/grpc"},
				{"authorization ", "Bearer x"},
			})...)
			request := request.NewRequest(pairs)
			got, want := p.Decide(quick, now, &request), p.Decide(slow, now, &request)
			if p.onlyAuthorization() {
				want = p.decide(slow, now, &request)
			}
			a, ok := got.(*verdict.Allow)
			b, same := want.(*verdict.Allow)
			if ok != same || !ok && decided(got) != decided(want) {
				t.Fatalf("%v\n%q: %s, and %s without Quick", options, pairs, decided(got), decided(want))
			}
			if !ok {
				continue
			}
			allowed++
			if len(a.Remove) > 1 {
				forged++
			}
			if !reflect.DeepEqual(copyOfAllow(a), copyOfAllow(b)) {
				t.Fatalf("%v\n%q: %+v, and %+v without Quick", options, pairs, a, b)
			}
		}
	}
	if allowed < 2000 || forged < 500 {
		t.Errorf("%d requests allowed, %d of them with forged headers: the property says little", allowed, forged)
	}
}

// chosen is one of each list's members of a configuration, "" being none.
func chosen(r *rand.Rand, lists [][]string) (options []string) {
	for _, list := range lists {
		if option := pick(r, list...); option != "" {
			options = append(options, option)
		}
	}
	return options
}

// sprinkled is each of the pairs with a chance of one in n.
func sprinkled(r *rand.Rand, n int, pairs [][2]string) (some [][2]string) {
	for _, pair := range pairs {
		if r.IntN(n) == 0 {
			some = append(some, pair)
		}
	}
	return some
}

// TestRefusedIsVerifiedOnce: the result of Quick's search is not searched again. A foreign
// token without kid could be of any key, so it is not remembered.
func TestRefusedIsVerifiedOnce(t *testing.T) {
	t.Parallel()
	checks := 0
	w := newKeysWorld(t, nil)
	w.state = w.policy.NewState(Host{Knows: jose.AllAlgorithms, Verify: func(string, []byte, []byte, []byte) (good, ok bool) {
		checks++
		return false, true
	}})
	w.fetch()
	for _, kid := range []any{nil, "k1"} {
		for i := range 3 {
			checks = 0
			// The issuer's own, so that nothing but the host's check refuses it: a
			// stranger's signature can be greater than the key's modulus.
			forged := issuerOnce().sign(map[string]any{"kid": kid}, map[string]any{"jti": i})
			if _, allowed := w.policy.Decide(w.state, w.now, bearerRequest(forged)).(*verdict.Allow); allowed {
				t.Fatal("a forged token passes")
			}
			if checks != 1 {
				t.Errorf("kid %v: %d signature checks for one request, wanted 1", kid, checks)
			}
		}
	}
}

func TestQuickAllocatesNothing(t *testing.T) {
	config := strings.Replace(jwtConfig(t, nil), `,"subject_header":"x-sub"`, "", 1)
	config = strings.Replace(config, `"claim_headers":[{"claim":"tier","header":"x-tier"}],`, "", 1)
	p := mustParse(t, config)
	s := p.NewState(Host{})
	token := issuerOnce().sign(nil, nil)
	p.Decide(s, testNow, bearerRequest(token))
	authorization := "Bearer " + token
	if n := testing.AllocsPerRun(100, func() {
		if p.Quick(s, testNow, authorization, "/orders/42?x=1") == nil {
			t.Fatal("not quick")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// copyOfAllow outlives the next Decide.
func copyOfAllow(a *verdict.Allow) verdict.Allow {
	c := *a
	c.Remove = append([]string{}, a.Remove...)
	c.Set = append([][2]string{}, a.Set...)
	c.State = append([][2]string{}, a.State...)
	return c
}
