package jwks

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// symmetric are the algorithms in which the key that verifies also signs.
var symmetric = jose.Algorithms(0).With(jose.HS256).With(jose.HS384).With(jose.HS512)

// ReadKeys reads the keys of a provider, which must have exactly one source of them.
// issuers are the provider's issuers, of which discovery uses the only one, and keyIDs
// the accepted kids. Problems go to o.
func (sources *Sources) ReadKeys(o *config.Object, provider string, issuers, keyIDs []string) (ring Ring) {
	ring.KeyIDs = keyIDs
	algorithms := readAlgorithms(o)
	before := len(o.Problems.List)
	var inline []*jose.Key
	count := 0
	if n := o.Get("jwks"); n != nil {
		count++
		inline = readInlineSet(n, o.Problems)
	}
	if n := o.Get("pem"); n != nil {
		count++
		config.CheckedString(n, o.Problems, "", func(s string) string {
			keys, err := jose.ParsePEM([]byte(s))
			if err != nil {
				return err.Error()
			}
			inline = keys
			return ""
		})
	}
	if secret, where := readSecret(o); where != "" {
		count++
		if len(o.Problems.List) == before {
			inline = secretKeys(o, where, secret, algorithms)
		}
	}
	if o.Has("jwks_uri") || o.Has("discovery") {
		count++
		ring.Source = sources.read(o, provider, issuers)
	} else {
		refuseNetworkMembers(o)
	}
	if count != 1 {
		o.Problems.Add(o.Path, "want exactly one source of keys: jwks, pem, secret, secret_environment, jwks_uri or discovery")
		return ring
	}
	if ring.Source != nil {
		if !o.Has("algorithms") {
			o.Wrong("algorithms", "want the algorithms to accept, as in [\"RS256\"]: required for keys that are fetched")
		}
		if algorithms&symmetric != 0 {
			o.Wrong("algorithms", "want no HS algorithm for keys that are fetched: a secret must not come from the network")
		}
		ring.Algorithms = algorithms
		ring.Source.ring = ring
		return ring
	}
	if len(o.Problems.List) > before {
		// The algorithms of broken keys are unknown.
		return ring
	}
	ring.keys = &jose.KeySet{Keys: inline}
	ring.Algorithms = deriveAlgorithms(o, inline, algorithms)
	if why := ring.tooExpensive(ring.keys); why != "" {
		o.Problems.Add(o.Path, why+": want fewer keys, or key_ids, which refuse tokens without a kid")
	}
	return ring
}

// refuseNetworkMembers finds members that have no effect unless keys are fetched.
func refuseNetworkMembers(o *config.Object) {
	o.Known = append(o.Known, "jwks_uri", "discovery")
	for _, name := range []string{
		"cluster", "jwks_clusters", "timeout", "refresh", "min_refresh", "max_refresh", "max_stale",
	} {
		if o.Get(name) != nil {
			o.Wrong(name, "allowed only with jwks_uri or discovery")
		}
	}
}

// readAlgorithms reads the accepted algorithms. The alg of a token never adds to them
// (RFC 8725 section 3.1).
func readAlgorithms(o *config.Object) (set jose.Algorithms) {
	for _, name := range o.Strings("algorithms", func(s string) string {
		if _, ok := jose.ParseAlgorithm(s); !ok {
			return "want one of " + jose.AllAlgorithms.String() + ", got " + config.Quote(s) +
				config.DidYouMean(s, strings.Split(jose.AllAlgorithms.String(), ", "))
		}
		return ""
	}) {
		algorithm, _ := jose.ParseAlgorithm(name)
		set = set.With(algorithm)
	}
	return set
}

// deriveAlgorithms returns the accepted algorithms for keys of the configuration: the
// listed ones, or else those of the keys.
func deriveAlgorithms(o *config.Object, keys []*jose.Key, listed jose.Algorithms) jose.Algorithms {
	var all jose.Algorithms
	for _, key := range keys {
		all |= key.Algorithms()
	}
	if listed == 0 {
		for _, key := range keys {
			if len(key.Algorithms().List()) > 1 {
				o.Wrong("algorithms", "want the algorithms to accept: the keys do not name one, and are suitable for "+all.String())
				return 0
			}
		}
		return all
	}
	if listed&^all != 0 {
		o.Wrong("algorithms", "want only algorithms of these keys, "+all.String()+", got "+(listed&^all).String())
	}
	return listed
}

func readInlineSet(n *config.Node, p *config.Problems) []*jose.Key {
	document := n.Text
	switch n.Kind {
	case '{':
		document = string(n.AppendJSON(nil))
	case '"':
	default:
		p.Add(n.Path, "want a JWK Set, as an object or as a string that holds it, got "+config.KindName(n.Kind))
		return nil
	}
	set, err := jose.ParseSet([]byte(document), jose.AllowSecrets)
	if err != nil {
		p.Add(n.Path, err.Error())
		return nil
	}
	// A set that was copied from an issuer can have keys for encryption and keys of
	// unknown types. They are ignored, as in a fetched set (RFC 7517 section 5).
	for _, skipped := range set.Skipped {
		p.Warn(n.Path, notUsed(skipped))
	}
	if set.Private > 0 {
		// Every reader of the configuration could sign tokens.
		p.Add(n.Path, "want public keys only: take the members d, p, q, dp, dq, qi and oth out, and replace the keys that they were in")
	}
	return set.Keys
}

// notUsed returns the warning about a key that is ignored.
func notUsed(s jose.Skipped) string {
	name := "keys[" + strconv.Itoa(s.Index) + "]"
	if s.KeyID != "" {
		name += ", kid " + config.Quote(s.KeyID) + ","
	}
	return name + " is not used: " + s.Why
}

// readSecret returns a secret and the member that it came from.
func readSecret(o *config.Object) (secret []byte, where string) {
	if n := o.Get("secret"); n != nil {
		where = "secret"
		config.CheckedString(n, o.Problems, "", func(s string) string {
			decoded, ok := jose.DecodeBase64(s)
			if !ok {
				return "want the secret's bytes as base64url without padding"
			}
			secret = decoded
			return ""
		})
	}
	if n := o.Get("secret_environment"); n != nil {
		if where != "" {
			o.Wrong("secret_environment", "want only one of secret and secret_environment")
		}
		where = "secret_environment"
		config.CheckedString(n, o.Problems, "", func(s string) string {
			value, ok := o.Problems.Environment(s)
			if !ok {
				return config.ErrNoVariable
			}
			secret = []byte(value)
			return ""
		})
	}
	return secret, where
}

func secretKeys(o *config.Object, where string, secret []byte, algorithms jose.Algorithms) (keys []*jose.Key) {
	if algorithms == 0 || algorithms&^symmetric != 0 {
		o.Wrong("algorithms", "want HS256, HS384 or HS512 with a secret")
		return nil
	}
	for _, algorithm := range algorithms.List() {
		key, err := jose.NewSecret("", false, secret, algorithm)
		if err != nil {
			o.Wrong(where, err.Error())
			return nil
		}
		keys = append(keys, key)
	}
	return keys
}

// read reads a source of fetched keys, and adds it.
func (sources *Sources) read(o *config.Object, provider string, issuers []string) *Source {
	source := &Source{index: len(*sources), provider: provider}
	cluster := o.Checked("cluster", "", WantCluster)
	if !o.Has("cluster") {
		o.Wrong("cluster", "want the name of the Envoy cluster of the issuer")
	}
	discovery := o.Boolean("discovery", false)
	var uri config.Endpoint
	o.Checked("jwks_uri", "", func(s string) (why string) {
		uri, why = config.ParseURI(s)
		return why
	})
	uri.Cluster = cluster
	source.clusters = readClusters(o)
	switch {
	case o.Has("jwks_uri") && discovery:
		o.Wrong("discovery", "want only one of jwks_uri and discovery")
	case o.Has("jwks_uri"):
		source.keys = uri
	case o.Broken("issuer", "issuers", "issuer_template", "issuer_template_values"):
	case !discovery:
		o.Wrong("discovery", "want true (or jwks_uri instead of discovery)")
	case len(issuers) != 1:
		o.Wrong("discovery", "want exactly one issuer with discovery")
	default:
		source.issuer = issuers[0]
		_, why := config.ParseURI(source.issuer)
		e, _ := config.ParseURI(strings.TrimSuffix(source.issuer, "/") + "/.well-known/openid-configuration")
		if why != "" || strings.IndexByte(source.issuer, '?') >= 0 {
			o.Wrong("issuer", "want a URI without a query: otherwise discovery cannot find the keys")
		}
		e.Cluster = cluster
		source.discovery = e
	}
	if source.clusters != nil && !discovery && !o.Broken("discovery") {
		o.Wrong("jwks_clusters", "allowed only with discovery")
	}
	source.timeout = o.Duration("timeout", 5*time.Second, 10*time.Millisecond, time.Minute)
	source.refresh = o.Duration("refresh", 10*time.Minute, time.Second, 24*time.Hour)
	source.minRefresh = o.Duration("min_refresh", time.Minute, time.Second, 24*time.Hour)
	source.maxRefresh = o.Duration("max_refresh", 24*time.Hour, time.Second, 7*24*time.Hour)
	source.maxStale = o.Duration("max_stale", 24*time.Hour, 10*time.Second, 30*24*time.Hour)
	source.minRefresh = min(source.minRefresh, source.refresh)
	if source.maxRefresh < source.refresh && !o.Broken("refresh") {
		o.Wrong("max_refresh", "want at least refresh")
	}
	if o.Broken("refresh", "max_refresh") {
		// The defaults in their places say nothing.
	} else if source.maxStale < source.maxRefresh && o.Has("max_refresh") || source.maxStale < source.refresh {
		o.Wrong("max_stale", "want at least refresh and max_refresh: otherwise keys expire before they are fetched again")
	}
	source.maxRefresh = min(source.maxRefresh, source.maxStale)
	*sources = append(*sources, source)
	return source
}

// WantCluster returns what is wrong with the name of an Envoy cluster, "" for nothing.
func WantCluster(s string) string {
	if len(s) > 512 || !syntax.IsPrintableASCII(s) {
		return "want the name of an Envoy cluster"
	}
	return ""
}

// readClusters reads the Envoy clusters of hosts, for issuers with a jwks_uri at a host
// that is not the issuer's.
func readClusters(o *config.Object) map[string]string {
	c := o.Object("jwks_clusters")
	if c == nil {
		return nil
	}
	clusters := map[string]string{}
	members := append([]config.Member(nil), c.Members...)
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	for _, m := range members {
		if e, why := config.ParseURI("https://" + m.Name); why != "" || e.Authority != m.Name {
			o.Problems.Add(m.Value.Path, "want a host such as www.example.com as the member's name")
		}
		clusters[m.Name] = config.CheckedString(m.Value, o.Problems, "", WantCluster)
	}
	if len(members) == 0 {
		o.Problems.Add(c.Path, "want at least one host, got an empty object")
	}
	return clusters
}
