package policy

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// symmetric are the algorithms whose key also signs.
var symmetric = jose.Algorithms(0).With(jose.HS256).With(jose.HS384).With(jose.HS512)

// readKeys reads where a provider's keys come from: exactly one source.
func (ks *keySources) readKeys(o *object, provider string, issuers, keyIDs []string) (ring keyring) {
	ring.keyIDs = keyIDs
	algorithms := readAlgorithms(o)
	before := len(o.problems.list)
	var inline []*jose.Key
	count := 0
	if n := o.get("jwks"); n != nil {
		count++
		inline = readInlineSet(n, o.problems)
	}
	if n := o.get("pem"); n != nil {
		count++
		checkedString(n, o.problems, "", func(s string) string {
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
		if len(o.problems.list) == before {
			inline = secretKeys(o, where, secret, algorithms)
		}
	}
	if o.has("jwks_uri") || o.has("discovery") {
		count++
		ring.source = ks.read(o, provider, issuers)
	} else {
		refuseNetworkMembers(o)
	}
	if count != 1 {
		o.problems.add(o.path, "want exactly one source of keys: jwks, pem, secret, secret_environment, jwks_uri or discovery")
		return ring
	}
	if ring.source != nil {
		if !o.has("algorithms") {
			o.wrong("algorithms", "want the algorithms to accept, as in [\"RS256\"]: keys that are fetched do not decide it")
		}
		if algorithms&symmetric != 0 {
			o.wrong("algorithms", "want no HS algorithm for keys that are fetched: a secret is not for a network")
		}
		ring.algorithms = algorithms
		ring.source.ring = ring
		return ring
	}
	if len(o.problems.list) > before {
		// What broken keys would serve is unknown.
		return ring
	}
	ring.keys = &jose.KeySet{Keys: inline}
	ring.algorithms = deriveAlgorithms(o, inline, algorithms)
	if why := ring.tooDear(ring.keys); why != "" {
		o.problems.add(o.path, why+": want fewer keys, or key_ids, with which tokens without a kid are refused")
	}
	return ring
}

// refuseNetworkMembers is for a provider whose keys are not fetched.
func refuseNetworkMembers(o *object) {
	o.asked = append(o.asked, "jwks_uri", "discovery")
	for _, name := range []string{
		"cluster", "jwks_clusters", "timeout", "refresh", "min_refresh", "max_refresh", "max_stale",
	} {
		if o.get(name) != nil {
			o.wrong(name, "want it only with jwks_uri or discovery")
		}
	}
}

// readAlgorithms reads the allow-list; none of it is ever taken from a token.
func readAlgorithms(o *object) (set jose.Algorithms) {
	for _, name := range o.strings("algorithms", func(s string) string {
		if _, ok := jose.ParseAlgorithm(s); !ok {
			return "want one of " + jose.AllAlgorithms.String() + ", got " + quote(s)
		}
		return ""
	}) {
		algorithm, _ := jose.ParseAlgorithm(name)
		set = set.With(algorithm)
	}
	return set
}

// deriveAlgorithms is the allow-list where the keys are in the configuration:
// what is listed, else what the keys say themselves.
func deriveAlgorithms(o *object, keys []*jose.Key, listed jose.Algorithms) jose.Algorithms {
	var all jose.Algorithms
	for _, key := range keys {
		all |= key.Algorithms()
	}
	if listed == 0 {
		for _, key := range keys {
			if len(key.Algorithms().List()) > 1 {
				o.wrong("algorithms", "want the algorithms to accept: the keys do not say which, they could serve "+all.String())
				return 0
			}
		}
		return all
	}
	if listed&^all != 0 {
		o.wrong("algorithms", "want only what the keys can serve, "+all.String()+", got "+(listed&^all).String())
	}
	return listed
}

func readInlineSet(n *node, p *problems) []*jose.Key {
	document := n.text
	switch n.kind {
	case '{':
		document = string(n.appendJSON(nil))
	case '"':
	default:
		p.add(n.path, "want a JWK Set, as an object or as a string that holds it, got "+kindName(n.kind))
		return nil
	}
	set, err := jose.ParseSet([]byte(document), jose.AllowSecrets)
	if err != nil {
		p.add(n.path, err.Error())
		return nil
	}
	// A set that was copied from an issuer has keys for encryption and of types to
	// come: they are left out as those of a fetched set are (RFC 7517 section 5).
	for _, skipped := range set.Skipped {
		p.warn(n.path, notUsed(skipped))
	}
	if set.Private > 0 {
		// Whoever can read the configuration could sign tokens.
		p.add(n.path, "want public keys only: take the members d, p, q, dp, dq, qi and oth out, and replace the keys that they were in")
	}
	return set.Keys
}

// notUsed is a warning about a key.
func notUsed(s jose.Skipped) string {
	name := "keys[" + strconv.Itoa(s.Index) + "]"
	if s.KeyID != "" {
		name += ", kid " + quote(s.KeyID) + ","
	}
	return name + " is not used: " + s.Why
}

// readSecret returns a secret and the member that it came from.
func readSecret(o *object) (secret []byte, where string) {
	if n := o.get("secret"); n != nil {
		where = "secret"
		checkedString(n, o.problems, "", func(s string) string {
			decoded, ok := jose.DecodeBase64(s)
			if !ok {
				return "want the secret's octets as base64url without padding"
			}
			secret = decoded
			return ""
		})
	}
	if n := o.get("secret_environment"); n != nil {
		if where != "" {
			o.wrong("secret_environment", "want only one of secret and secret_environment")
		}
		where = "secret_environment"
		checkedString(n, o.problems, "", func(s string) string {
			value, ok := o.problems.environment(s)
			if !ok {
				return errNoVariable
			}
			secret = []byte(value)
			return ""
		})
	}
	return secret, where
}

func secretKeys(o *object, where string, secret []byte, algorithms jose.Algorithms) (keys []*jose.Key) {
	if algorithms == 0 || algorithms&^symmetric != 0 {
		o.wrong("algorithms", "want HS256, HS384 or HS512 with a secret")
		return nil
	}
	for _, algorithm := range algorithms.List() {
		key, err := jose.NewSecret("", false, secret, algorithm)
		if err != nil {
			o.wrong(where, err.Error())
			return nil
		}
		keys = append(keys, key)
	}
	return keys
}

// read reads a source of keys on the network.
func (ks *keySources) read(o *object, provider string, issuers []string) *keySource {
	k := &keySource{index: len(*ks), provider: provider}
	cluster := o.checked("cluster", "", wantCluster)
	if !o.has("cluster") {
		o.wrong("cluster", "want the name of the Envoy cluster that leads to the issuer")
	}
	discovery := o.boolean("discovery", false)
	var uri endpoint
	o.checked("jwks_uri", "", func(s string) (why string) {
		uri, why = parseURI(s)
		return why
	})
	uri.cluster = cluster
	k.clusters = readClusters(o)
	switch {
	case o.has("jwks_uri") && discovery:
		o.wrong("discovery", "want only one of jwks_uri and discovery")
	case o.has("jwks_uri"):
		k.keys = uri
	case !discovery:
		o.wrong("discovery", "want true, or jwks_uri instead")
	case len(issuers) != 1:
		o.wrong("discovery", "want exactly one issuer to discover the keys of")
	default:
		k.issuer = issuers[0]
		_, why := parseURI(k.issuer)
		e, _ := parseURI(strings.TrimSuffix(k.issuer, "/") + "/.well-known/openid-configuration")
		if why != "" || strings.IndexByte(k.issuer, '?') >= 0 {
			o.wrong("issuer", "want a URI without a query, or the keys cannot be discovered from it")
		}
		e.cluster = cluster
		k.discovery = e
	}
	if k.clusters != nil && !discovery {
		o.wrong("jwks_clusters", "want it only with discovery")
	}
	k.timeout = o.duration("timeout", 5*time.Second, 10*time.Millisecond, time.Minute)
	k.refresh = o.duration("refresh", 10*time.Minute, time.Second, 24*time.Hour)
	k.least = o.duration("min_refresh", time.Minute, time.Second, 24*time.Hour)
	k.most = o.duration("max_refresh", 24*time.Hour, time.Second, 7*24*time.Hour)
	k.maxStale = o.duration("max_stale", 24*time.Hour, 10*time.Second, 30*24*time.Hour)
	k.least = min(k.least, k.refresh)
	if k.most < k.refresh {
		o.wrong("max_refresh", "want at least as long as refresh")
	}
	if k.maxStale < k.most && o.has("max_refresh") || k.maxStale < k.refresh {
		o.wrong("max_stale", "want at least as long as refresh and max_refresh: keys would be given up before they are fetched again")
	}
	k.most = min(k.most, k.maxStale)
	*ks = append(*ks, k)
	return k
}

func wantCluster(s string) string {
	if len(s) > 512 || !isPrintableASCII(s) {
		return "want the name of an Envoy cluster"
	}
	return ""
}

// readClusters reads which cluster leads to which host, where an issuer's keys
// are not at the issuer's own.
func readClusters(o *object) map[string]string {
	c := o.object("jwks_clusters")
	if c == nil {
		return nil
	}
	clusters := map[string]string{}
	members := append([]member(nil), c.members...)
	sort.Slice(members, func(i, j int) bool { return members[i].name < members[j].name })
	for _, m := range members {
		if e, why := parseURI("https://" + m.name); why != "" || e.authority != m.name {
			o.problems.add(m.value.path, "want a host such as www.example.com as the member's name")
		}
		clusters[m.name] = checkedString(m.value, o.problems, "", wantCluster)
	}
	if len(members) == 0 {
		o.problems.add(c.path, "want at least one host, got an empty object")
	}
	return clusters
}
