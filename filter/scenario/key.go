package scenario

import (
	"strconv"
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/testkey"
)

// keys are the keys that a story has made: those that it names, and those of providers.
type keys struct {
	named     map[string]*testkey.Key
	providers map[string][]*testkey.Key // what verifies at a provider, unless servers says otherwise
}

// readKeys makes the keys that the story names.
func (r *reader) readKeys(o *config.Object) {
	r.keys = keys{map[string]*testkey.Key{}, map[string][]*testkey.Key{}}
	all := o.Object("keys")
	if all == nil {
		return
	}
	for _, m := range all.Members {
		k := config.AsObject(m.Value, r.problems)
		if k == nil {
			continue
		}
		alg := k.Checked("alg", "ES256", wantAlgorithm)
		r.keys.named[m.Name] = newKey(k.Text("kid", m.Name), alg)
		k.Done()
	}
}

func wantAlgorithm(s string) string {
	if _, ok := jose.ParseAlgorithm(s); !ok {
		return "want one of " + jose.AllAlgorithms.String() + ", got " + config.Quote(s)
	}
	return ""
}

func newKey(id, alg string) *testkey.Key { return testkey.New(id, alg) }

// keysOf makes keys for a provider of JWTs, one for each algorithm that it accepts. Those
// for RSA share a private key: to make one takes long.
func (r *reader) keysOf(name string, provider *config.Node) []*testkey.Key {
	if made, ok := r.keys.providers[name]; ok {
		return made
	}
	algorithms := strs(member(provider, "algorithms"))
	if len(algorithms) == 0 {
		algorithms = []string{"ES256"}
		if member(provider, "secret") != nil || member(provider, "secret_environment") != nil {
			algorithms = []string{"HS256"}
		}
	}
	ids := strs(member(provider, "key_ids"))
	var list []*testkey.Key
	var rsa any
	for i, alg := range algorithms {
		if wantAlgorithm(alg) != "" {
			continue // the core says so
		}
		id := "test-" + name + "-" + strconv.Itoa(i+1)
		if len(ids) > 0 {
			id = ids[i%len(ids)]
		}
		if isRSA(alg) && rsa != nil {
			list = append(list, &testkey.Key{ID: id, Algorithm: alg, Private: rsa})
			continue
		}
		k := newKey(id, alg)
		if isRSA(alg) {
			rsa = k.Private
		}
		list = append(list, k)
	}
	r.keys.providers[name] = list
	if isFetched(provider) {
		r.story.servers.needed = true
	} else {
		r.replaceKeys(provider, list)
	}
	return list
}

func isRSA(alg string) bool { return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS") }

// isFetched reports whether the keys of a provider come over the network.
func isFetched(provider *config.Node) bool {
	return member(provider, "jwks_uri") != nil || member(provider, "discovery") != nil
}

// replaceKeys puts keys of the test in the place of those of the configuration, of which
// no test has the private halves.
func (r *reader) replaceKeys(provider *config.Node, list []*testkey.Key) {
	var kept []config.Member
	for _, m := range provider.Members {
		switch m.Name {
		case "jwks", "pem", "secret", "secret_environment":
		default:
			kept = append(kept, m)
		}
	}
	set := config.ReadDocument([]byte(testkey.Set(list...)), &config.Problems{})
	provider.Members = append(kept, config.Member{Name: "jwks", Value: set})
}

// member returns a member of an object, nil where there is none.
func member(n *config.Node, names ...string) *config.Node {
	for _, name := range names {
		if n == nil {
			return nil
		}
		var found *config.Node
		for i := range n.Members {
			if n.Members[i].Name == name {
				found = n.Members[i].Value
				break
			}
		}
		n = found
	}
	return n
}

func text(n *config.Node) string {
	if n == nil || n.Kind != '"' {
		return ""
	}
	return n.Text
}

// strs are the strings of an array.
func strs(n *config.Node) (list []string) {
	if n == nil {
		return nil
	}
	for _, item := range n.Items {
		if item.Kind == '"' {
			list = append(list, item.Text)
		}
	}
	return list
}

// issuerOf returns an issuer whose tokens a provider accepts, and the claim with the value
// that its template needs.
func issuerOf(provider *config.Node) (issuer, claim, value string) {
	if s := text(member(provider, "issuer")); s != "" {
		return s, "", ""
	}
	if list := strs(member(provider, "issuers")); len(list) > 0 {
		return list[0], "", ""
	}
	values := strs(member(provider, "issuer_template_values"))
	before, rest, ok := strings.Cut(text(member(provider, "issuer_template")), "{")
	if !ok || len(values) == 0 {
		return "", "", ""
	}
	claim, after, _ := strings.Cut(rest, "}")
	return before + values[0] + after, claim, values[0]
}
