package filter_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

// TestConfigurationsShareNothing: several configurations in one VM that know the same
// tokens, with overlapping requests, send what each sends alone.
func TestConfigurationsShareNothing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	key := testkey.New("k1", "EdDSA")
	idp := fmt.Sprintf(`"providers":{"idp":{"type":"jwt","issuer":%q,"jwks":%s}}`, testkey.Issuer, testkey.Set(key))
	other := fmt.Sprintf(`"providers":{"other":{"type":"jwt","issuer":%q,"jwks":%s}}`, testkey.Issuer, testkey.Set(testkey.New("k1", "EdDSA")))
	configs := []string{
		`{"subject_header":"x-sub","claim_headers":[{"claim":"tier","header":"x-tier","filter_state":"tier"}],` + idp + `}`,
		`{"subject_filter_state":false,"claim_headers":[{"claim":"level","header":"x-tier","filter_state":"tier","missing":"deny"}],"rules":[{"scopes":["b"]}],` + idp + `}`,
		`{"provider_header":"x-tier","rules":[{"scopes":["a"],"claims":[{"claim":"tier","equal":"gold"}]}],` + idp + `}`,
		`{"filter_state":["payload"],` + idp + `}`,
		`{"subject_header":"x-sub",` + other + `}`,
		`{"protected_resources":{"r":{"resource":"https://api.example/"}},"rules":[{"access":"optional"}],` + idp + `}`,
	}
	var tokens []string
	for _, claims := range []members{
		{"tier": "gold", "scope": "a"}, {"tier": "lead", "scope": "b", "level": 7}, {"sub": nil, "scope": "a b", "level": 1}, {"scope": "b"},
	} {
		tokens = append(tokens, key.Token(now, claims))
	}
	tokens = append(tokens, testkey.Forged(tokens[0]), "")
	told := func(s *wasmhost.Stream) string {
		up, reply := s.Upstream(), s.Reply()
		out := fmt.Sprint(s.Outcome(), s.FilterState())
		if up != nil {
			out += fmt.Sprint(up.Headers, up.Trailers)
		}
		if reply != nil {
			out += fmt.Sprint(reply.Status, reply.Details, reply.Headers)
		}
		return out
	}
	ask := func(s *wasmhost.Stream, token, path string) {
		authorization := ""
		if token != "" {
			authorization = "Bearer " + token
		}
		s.RequestHeaders(request(path, authorization, [2]string{"x-tier", "forged"}, [2]string{"x_sub", "forged"}), false)
	}
	end := func(s *wasmhost.Stream) { s.RequestTrailers([][2]string{{"x-tier", "forged"}, {"x_sub", "forged"}}) }
	shared := startVM(t, wasmhost.Options{Now: now})
	var together []*wasmhost.Plugin
	alone := map[string]string{}
	name := func(c, token int, path string) string { return fmt.Sprint(c, " ", token, " ", path) }
	paths := []string{"/", "/.well-known/oauth-protected-resource"}
	for c, config := range configs {
		together = append(together, startPlugin(t, shared, config))
		plugin := startPlugin(t, startVM(t, wasmhost.Options{Now: now}), config)
		for i, token := range tokens {
			for _, path := range paths {
				s := plugin.NewStream()
				ask(s, token, path)
				end(s)
				alone[name(c, i, path)] = told(s)
				s.End()
			}
		}
	}
	r := rand.New(rand.NewPCG(4, 4))
	type open struct {
		name   string
		stream *wasmhost.Stream
	}
	var under []open
	outcomes := map[string]bool{}
	for range 1500 {
		if len(under) < 6 && r.IntN(2) == 0 {
			c, i, path := r.IntN(len(configs)), r.IntN(len(tokens)), paths[r.IntN(2)]
			s := together[c].NewStream()
			if r.IntN(4) == 0 { // another one comes in between
				c2 := r.IntN(len(configs))
				s2 := together[c2].NewStream()
				ask(s2, tokens[0], "/")
				under = append(under, open{name(c2, 0, "/"), s2})
			}
			ask(s, tokens[i], path)
			under = append(under, open{name(c, i, path), s})
			continue
		}
		if len(under) == 0 {
			continue
		}
		k := r.IntN(len(under))
		o := under[k]
		under = append(under[:k], under[k+1:]...)
		end(o.stream)
		if got := told(o.stream); got != alone[o.name] {
			t.Fatalf("%s:\n%s together,\n%s alone", o.name, got, alone[o.name])
		}
		outcomes[alone[o.name]] = true
		o.stream.End()
	}
	if len(outcomes) < 20 {
		t.Errorf("%d different outcomes: the property says little", len(outcomes))
	}
}
