package policy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestQuickAgrees: whatever Quick allows, Decide allows in the same way, asked
// before or after; and it does allow what it is there for.
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
			request := NewRequest([][2]string{{":method", "GET"}, {":path", path}, {"authorization", authorization}})
			got := p.Quick(quick, now, authorization, path)
			var copied Allow
			if got != nil {
				copied = copyOfAllow(got)
				allowed++
			}
			want := p.Decide(slow, now, &request)
			p.Decide(quick, now, &request)
			if got == nil {
				continue
			}
			a, ok := want.(*Allow)
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
func copyOfAllow(a *Allow) Allow {
	c := *a
	c.Remove = append([]string{}, a.Remove...)
	c.Set = append([][2]string{}, a.Set...)
	c.State = append([][2]string{}, a.State...)
	return c
}
