package controlplanes

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/config/mesh"

	"bearerauth/cmd/importer"
	"bearerauth/e2e/envoy"
	"bearerauth/filter/testkey"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

const (
	policies = 40  // sets of policies, each with two listeners
	requests = 150 // for each set
)

// gateway is a workload for the policies.
const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: demo}
spec: {selector: {app: gateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`

// TestIstioTranslation: Istio's own translation of random policies (filters jwt_authn and
// rbac) and the import of the same policies decide alike, in one Envoy.
func TestIstioTranslation(t *testing.T) {
	binary := envoy.Need(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(1, seed))
	var config envoy.Bootstrap
	var sets []set
	for i := range policies {
		s := set{input: randomPolicies(r)}
		var err error
		if s.imported, err = importer.Istio([]byte(s.input)); err != nil {
			t.Fatalf("%v\n%s", err, s.input)
		}
		s.exact = !slices.ContainsFunc(s.imported.Left, func(l importer.Left) bool {
			return (strings.HasPrefix(l.Path, "AuthorizationPolicy") || strings.HasPrefix(l.Path, "action")) &&
				!strings.Contains(l.What, "is found by Envoy and not by the filter") && !strings.Contains(l.What, "so the last rule has access optional")
		})
		config.Listeners = append(
			config.Listeners,
			envoy.Listener{Name: fmt.Sprintf("istio-%d", i), Filters: translate(t, s.input)},
			envoy.Listener{Name: fmt.Sprintf("import-%d", i), Filters: []envoy.Filter{envoy.Wasm{Name: "bearerauth", Config: string(s.imported.Config)}}},
		)
		sets = append(sets, s)
	}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: config.String()})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 20 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	allowed, kept, exact := 0, 0, 0
	for i, s := range sets {
		theirs, ours := envoy.Address(t, p, fmt.Sprintf("istio-%d", i)), envoy.Address(t, p, fmt.Sprintf("import-%d", i))
		list := make([]query, requests)
		for k := range list {
			list[k] = randomQuery(r)
		}
		there, here := sendAll(t, client, theirs, list), sendAll(t, client, ours, list)
		if s.exact {
			exact++
		}
		for k := range list {
			q := &list[k]
			switch {
			case here[k] && !there[k]:
				t.Errorf("looser: %+v\n%s\nof\n%s", *q, s.imported.Config, s.input)
			case there[k] && !here[k] && s.exact && q.plain():
				t.Errorf("stricter, and not in the list: %+v\n%s\nof\n%s\n%v", *q, s.imported.Config, s.input, s.imported.Left)
			}
			if there[k] {
				allowed++
			}
			if there[k] && here[k] {
				kept++
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	t.Logf("%d requests to each: of %d that pass there, %d pass here; %d of %d sets of policies exactly", policies*requests, allowed, kept, exact, policies)
	if allowed < policies*requests/20 || exact < policies/10 {
		t.Error("this shows little")
	}
}

// set is a set of policies and their import.
type set struct {
	input    string
	imported importer.Result
	exact    bool // the import lists no difference
}

// translate is what Istio makes of policies: its filters for tokens and authorization.
func translate(t *testing.T, input string) (filters []envoy.Filter) {
	t.Helper()
	m := mesh.DefaultMeshConfig()
	m.DefaultProviders = &meshconfig.MeshConfig_DefaultProviders{}
	test := core.NewConfigGenTest(t, core.TestOptions{ConfigString: gateway + "---\n" + input, MeshConfig: m})
	proxy := test.SetupProxy(&model.Proxy{
		Type: model.Router, ConfigNamespace: "demo", Labels: map[string]string{"app": "gateway"},
		Metadata: &model.NodeMetadata{Namespace: "demo", Labels: map[string]string{"app": "gateway"}},
	})
	for _, l := range test.Listeners(proxy) {
		for _, chain := range l.FilterChains {
			for _, filter := range chain.Filters {
				var manager hcm.HttpConnectionManager
				if filter.GetTypedConfig().UnmarshalTo(&manager) != nil {
					continue
				}
				for _, one := range manager.HttpFilters {
					kind := one.GetTypedConfig().GetTypeUrl()
					if !strings.HasSuffix(kind, ".JwtAuthentication") && !strings.HasSuffix(kind, ".RBAC") {
						continue
					}
					text, err := protojson.Marshal(one)
					if err != nil {
						t.Fatal(err)
					}
					filters = append(filters, envoy.YAML(text))
				}
			}
		}
	}
	if len(filters) == 0 {
		t.Fatalf("Istio makes no filter of\n%s", input)
	}
	return filters
}

var issuers = []string{"https://a.example", "https://b.example"}

// people are claims of tokens. A robot has no subject.
var people = map[string]testkey.Members{
	"guest":  {"sub": "guest"},
	"reader": {"sub": "alice", "scope": "read"},
	"writer": {"sub": "bob", "scope": []string{"read", "write"}, "tier": "silver", "groups": []string{"staff"}},
	"admin":  {"sub": "carol", "scope": "admin", "tier": []string{"gold"}, "groups": []string{"staff", "admin"}},
	"boss":   {"sub": "auth0/alice", "tier": "gold", "groups": "admin", "realm": map[string]any{"roles": []string{"root"}}},
	"number": {"sub": "alice", "tier": 7, "groups": []any{1, true}, "scope": "  read"},
	"robot":  {"sub": nil, "tier": "gold", "scope": "read"},
}

func keyOf(issuer int) *testkey.Key {
	id := string(rune('a' + issuer))
	return &testkey.Key{ID: id, Algorithm: "HS256", Private: []byte(strings.Repeat("fake "+id+" ", 8))}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func some(r *rand.Rand, list ...string) string {
	var out []string
	for range 1 + r.IntN(2) {
		out = append(out, fmt.Sprintf("%q", pick(r, list...)))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// randomPolicies are policies whose rules overlap.
func randomPolicies(r *rand.Rand) string {
	input := fmt.Sprintf(`{"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": {"name": "i", "namespace": "demo"}, "spec": {"jwtRules": [
		{"issuer": %q, "jwks": %q}, {"issuer": %q, "jwks": %q, "fromHeaders": [{"name": "x-b"}]}]}}`, issuers[0], testkey.Set(keyOf(0)), issuers[1], testkey.Set(keyOf(1)))
	for i := range 1 + r.IntN(3) {
		action, rules := pick(r, "ALLOW", "ALLOW", "DENY"), []string{}
		for range 1 + r.IntN(3) {
			rules = append(rules, randomRule(r, action))
		}
		input += fmt.Sprintf("\n---\n"+`{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "p%d", "namespace": "demo"}, "spec": {"action": %q, "rules": [%s]}}`,
			i, action, strings.Join(rules, ", "))
	}
	return input
}

func randomRule(r *rand.Rand, action string) string {
	var members, to []string
	if r.IntN(5) > 0 {
		to = append(to, `"paths": `+some(r, "/a", "/a*", "/a/*", "/b", "/b/*", "*x", "/{*}/x", "/a/{**}", "*", "/healthz"))
	}
	if r.IntN(3) == 0 {
		to = append(to, `"methods": `+some(r, "GET", "POST", "PUT"))
	}
	if r.IntN(6) == 0 {
		to = append(to, `"hosts": `+pick(r, `["h.example", "h.example:*"]`, `["h.example"]`, `["*.example"]`))
	}
	if len(to) > 0 {
		members = append(members, `"to": [{"operation": {`+strings.Join(to, ", ")+`}}]`)
	}
	if action == "DENY" {
		if r.IntN(3) > 0 {
			members = append(members, `"from": [{"source": {"notRequestPrincipals": ["*"]}}]`)
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	if r.IntN(2) == 0 {
		members = append(members, `"from": [{"source": {"requestPrincipals": `+
			some(r, "*", "https://a.example/*", "https://b.example/*", "https://a.example/alice", "https://b.example/b*", "*/carol", "https://a.exam*", "*ce", "https://a.example/auth0/alice", "*example/guest")+`}}]`)
	}
	if r.IntN(2) == 0 {
		members = append(members, `"when": [{"key": `+pick(
			r,
			`"request.auth.claims[groups]", "values": `+some(r, "admin", "staff", "1"),
			`"request.auth.claims[tier]", "values": `+some(r, "gold", "s*", "*", "7"),
			`"request.auth.claims[scope]", "values": `+some(r, "read", "write", "admin"),
			`"request.auth.claims[realm][roles]", "values": ["root"]`,
			`"request.auth.claims[sub]", "values": `+some(r, "alice", "*l", "auth0/*"),
			`"request.auth.claims[iss]", "values": ["https://b.example"]`,
			`"request.headers[x-h]", "values": ["1"]`,
		)+`}]`)
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// query is a request, with a token of each issuer: 0 none, 'g' good, 'b' bad.
type query struct {
	method, path, host, header, who string
	has                             [2]byte
}

func randomQuery(r *rand.Rand) query {
	var names []string
	for name := range people {
		names = append(names, name)
	}
	slices.Sort(names)
	return query{
		pick(r, "GET", "GET", "POST", "PUT"), pick(r, "/", "/a", "/a/x", "/a/y/x", "/ab", "/b", "/b/x", "/A", "/c", "/healthz", "/a/x?q=1"),
		pick(r, "h.example", "h.example:8080", "other.example"), pick(r, "", "1"), pick(r, names...),
		[2]byte{pick[byte](r, 0, 'g', 'g', 'b'), pick[byte](r, 0, 0, 'g', 'b')},
	}
}

// plain reports whether a request has at most one token, which is good.
func (q *query) plain() bool {
	return q.has[0] != 'b' && q.has[1] != 'b' && (q.has[0] == 0 || q.has[1] == 0)
}

// sendAll reports for each request whether it passes.
func sendAll(t *testing.T, client *http.Client, address string, list []query) []bool {
	t.Helper()
	passes := make([]bool, len(list))
	work := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range work {
				status, err := send(t.Context(), client, address, &list[i])
				if err != nil {
					t.Errorf("%+v: %v", list[i], err)
				}
				passes[i] = status == http.StatusOK
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	workers.Wait()
	return passes
}

func send(ctx context.Context, client *http.Client, address string, q *query) (int, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, "http://"+address+"/", http.NoBody)
	if err != nil {
		return 0, err
	}
	path, query, _ := strings.Cut(q.path, "?")
	r.URL, r.Host = &url.URL{Scheme: "http", Host: address, Opaque: path, RawQuery: query}, q.host
	if q.header != "" {
		r.Header.Set("x-h", q.header)
	}
	for i, header := range []string{"authorization", "x-b"} {
		if q.has[i] == 0 {
			continue
		}
		at := time.Now()
		if q.has[i] == 'b' {
			at = at.Add(-100 * time.Minute)
		}
		claims := testkey.Members{"iss": issuers[i]}
		for name, value := range people[q.who] {
			claims[name] = value
		}
		token := keyOf(i).Token(at, claims)
		if i == 0 {
			token = "Bearer " + token
		}
		r.Header.Set(header, token)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}
