package policy

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// readJWTProvider reads a provider of type "jwt".
func (p *Policy) readJWTProvider(o *object, index int, name string) {
	before := len(o.problems.list)
	j := &jwtProvider{index: index, name: name}
	issuers := p.readIssuers(o, j)
	j.audiences = o.strings("audiences", wantClaimText)
	j.laxAudiences = o.boolean("insecure_lax_audiences", false)
	any := o.boolean("insecure_any_issuer_and_audience", false)
	named := o.has("issuer") || o.has("issuers") || o.has("issuer_template") || o.has("audiences")
	switch {
	case !named && !any:
		o.wrong("issuer", "want an issuer or audiences, or everybody's tokens pass whose keys these are; insecure_any_issuer_and_audience says that this is meant")
	case named && any:
		o.wrong("insecure_any_issuer_and_audience", "want it only without issuer and audiences")
	}
	j.leeway = o.duration("leeway", 30*time.Second, 0, 5*time.Minute).Seconds()
	j.maxLifetime = o.duration("max_lifetime", 0, time.Second, 366*24*time.Hour).Seconds()
	j.allowNoExpiry = o.boolean("insecure_allow_no_expiry", false)
	if j.allowNoExpiry && j.maxLifetime > 0 {
		o.wrong("insecure_allow_no_expiry", "want it only without max_lifetime, which needs an expiry")
	}
	for _, typ := range o.strings("types", wantMediaType) {
		j.types = append(j.types, mediaType(typ))
	}
	j.subjects = readMatchers(o, "subjects")
	j.required = p.readRequiredClaims(o)
	p.readKeys(o, j, issuers)
	o.done()
	if len(o.problems.list) > before {
		return
	}
	p.addJWTProvider(o, j, issuers)
}

type namedIssuer struct {
	issuer, claim, value string
}

// readIssuers reads the issuers that a provider's tokens may name: one, a list,
// or a template with one claim in it, as https://login.example/{tid}/v2.0.
func (p *Policy) readIssuers(o *object, j *jwtProvider) (list []namedIssuer) {
	kinds := 0
	if s := o.checked("issuer", "", wantClaimText); o.has("issuer") {
		kinds++
		list = append(list, namedIssuer{issuer: s})
	}
	if names := o.strings("issuers", wantClaimText); o.has("issuers") {
		kinds++
		for _, s := range names {
			list = append(list, namedIssuer{issuer: s})
		}
	}
	template := o.checked("issuer_template", "", wantIssuerTemplate)
	values := o.strings("issuer_template_values", wantTemplateValue)
	if o.has("issuer_template") {
		kinds++
		before, rest, _ := strings.Cut(template, "{")
		claim, after, _ := strings.Cut(rest, "}")
		for _, value := range values {
			list = append(list, namedIssuer{before + value + after, claim, value})
		}
	}
	if o.has("issuer_template") != o.has("issuer_template_values") {
		o.wrong("issuer_template_values", "want issuer_template and the values that its claim may have, both or none")
	}
	if kinds > 1 {
		o.wrong("issuer", "want only one of issuer, issuers, issuer_template")
	}
	return list
}

func wantIssuerTemplate(s string) string {
	before, rest, _ := strings.Cut(s, "{")
	claim, _, closed := strings.Cut(rest, "}")
	if !closed || strings.Count(s, "{") != 1 || strings.Count(s, "}") != 1 ||
		before == "" || wantClaimName(claim) != "" || wantClaimText(s) != "" {
		return "want an issuer with one claim in braces, as in https://login.example/{tid}/v2.0"
	}
	return ""
}

// wantTemplateValue keeps a value from changing the shape of the issuer.
func wantTemplateValue(s string) string {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) {
			return "want letters, digits, -, ., _ and ~"
		}
	}
	if s == "" || len(s) > 256 {
		return "want 1 to 256 letters, digits, -, ., _ and ~"
	}
	return ""
}

func wantClaimText(s string) string {
	if s == "" || len(s) > maxTextBytes || hasControl(s) {
		return "want a text of 1 to 1024 bytes without control characters"
	}
	return ""
}

func wantMediaType(s string) string {
	if len(s) > 128 || !isScopeToken(s) || strings.Count(s, "/") > 1 || s[0] == '/' || s[len(s)-1] == '/' {
		return "want a media type such as at+jwt"
	}
	return ""
}

// readRequiredClaims reads claims that must have one of some values.
func (p *Policy) readRequiredClaims(o *object) (list []requiredClaim) {
	for _, item := range o.array("required_claims") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		name := c.checked("claim", "", wantClaimName)
		if !c.has("claim") {
			c.wrong("claim", "want the name of a claim")
		}
		values := c.strings("values", wantClaimText)
		if !c.has("values") {
			c.wrong("values", "want the values that the claim may have")
		}
		c.done()
		list = append(list, requiredClaim{p.claimIndex(name), values})
	}
	return list
}

// claimIndex is where a claim's value is found in claims.extra.
func (p *Policy) claimIndex(name string) int {
	for i, have := range p.claimNames {
		if have == name {
			return i
		}
	}
	p.claimNames = append(p.claimNames, name)
	return len(p.claimNames) - 1
}

// addJWTProvider makes the provider known by its issuers. Whose token one is
// must not depend on an order.
func (p *Policy) addJWTProvider(o *object, j *jwtProvider, issuers []namedIssuer) {
	at := len(p.jwt)
	p.jwt = append(p.jwt, j)
	if len(issuers) == 0 {
		if p.anyIssuer != nil {
			o.wrong("issuer", "want it: the provider "+p.anyIssuer.name+" takes every issuer already")
			return
		}
		p.anyIssuer = j
		return
	}
	if p.issuers == nil {
		p.issuers = map[string][]issuerRule{}
	}
	for _, i := range issuers {
		rule := issuerRule{provider: at, claim: -1, value: i.value}
		if i.claim != "" {
			rule.claim = p.claimIndex(i.claim)
		}
		for _, other := range p.issuers[i.issuer] {
			if shareAudience(p.jwt[other.provider], j) {
				o.problems.add(o.path, "want audiences of its own: the provider "+p.jwt[other.provider].name+" has the same issuer "+quote(i.issuer))
				return
			}
		}
		p.issuers[i.issuer] = append(p.issuers[i.issuer], rule)
	}
}

func shareAudience(a, b *jwtProvider) bool {
	return len(a.audiences) == 0 || len(b.audiences) == 0 || a.takesAudience(b.audiences) || b.takesAudience(a.audiences)
}

// symmetric are the algorithms whose key also signs.
var symmetric = jose.Algorithms(0).With(jose.HS256).With(jose.HS384).With(jose.HS512)

// readKeys reads where the keys come from: exactly one source.
func (p *Policy) readKeys(o *object, j *jwtProvider, issuers []namedIssuer) {
	algorithms := p.readAlgorithms(o)
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
	if secret, where := p.readSecret(o); where != "" {
		count++
		if len(o.problems.list) == before {
			inline = secretKeys(o, where, secret, algorithms)
		}
	}
	if o.has("jwks_uri") || o.has("discovery") {
		count++
		p.readKeySource(o, j, issuers)
	} else {
		refuseNetworkMembers(o)
	}
	if count != 1 {
		o.problems.add(o.path, "want exactly one source of keys: jwks, pem, secret, secret_environment, jwks_uri or discovery")
		return
	}
	if j.source != nil {
		if !o.has("algorithms") {
			o.wrong("algorithms", "want the algorithms to accept, as in [\"RS256\"]: keys that are fetched do not decide it")
		}
		if algorithms&symmetric != 0 {
			o.wrong("algorithms", "want no HS algorithm for keys that are fetched: a secret is not for a network")
		}
		j.algorithms = algorithms
		return
	}
	if len(o.problems.list) > before {
		// What broken keys would serve is unknown.
		return
	}
	j.keys = &jose.KeySet{Keys: inline}
	j.algorithms = p.deriveAlgorithms(o, inline, algorithms)
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
func (p *Policy) readAlgorithms(o *object) (set jose.Algorithms) {
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
func (p *Policy) deriveAlgorithms(o *object, keys []*jose.Key, listed jose.Algorithms) jose.Algorithms {
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
	// A set from the network skips what it cannot use; in a configuration each
	// key is there on purpose.
	for _, skipped := range set.Skipped {
		p.add(n.path, "want usable keys: keys["+strconv.Itoa(skipped.Index)+"]: "+skipped.Why)
	}
	if set.Private > 0 {
		// Whoever can read the configuration could sign tokens.
		p.add(n.path, "want public keys only: take the members d, p, q, dp, dq, qi and oth out, and replace the keys that they were in")
	}
	return set.Keys
}

// readSecret returns a secret and the member that it came from.
func (p *Policy) readSecret(o *object) (secret []byte, where string) {
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
			value, ok := p.environment(s)
			if !ok {
				return "the VM has no environment variable " + quote(s)
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

// readKeySource reads a source of keys on the network.
func (p *Policy) readKeySource(o *object, j *jwtProvider, issuers []namedIssuer) {
	k := &keySource{index: len(p.sources), provider: j.name}
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
		k.issuer = issuers[0].issuer
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
	j.source = k
	p.sources = append(p.sources, k)
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
	n := o.get("jwks_clusters")
	if n == nil {
		return nil
	}
	c := asObject(n, o.problems)
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
