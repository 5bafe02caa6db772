package policy

import "sort"

// Parse reads a plugin configuration that needs nothing from the environment.
// Its error is a *ConfigError with every problem found; then there is no Policy.
func Parse(config []byte) (*Policy, error) {
	return ParseWith(config, func(string) (string, bool) { return "", false })
}

// ParseWith is Parse with an environment, where a configuration can leave its secrets.
func ParseWith(text []byte, environment func(name string) (string, bool)) (*Policy, error) {
	problems := problems{environment: environment}
	root := readDocument(text, &problems)
	if root == nil {
		return nil, problems.err()
	}
	p := &Policy{}
	p.read(&object{node: root, problems: &problems})
	if err := problems.err(); err != nil {
		return nil, err
	}
	p.warnings = problems.warnings
	return p, nil
}

func (p *Policy) read(o *object) {
	p.realm = o.checked("realm", "bearerauth", wantHeaderText)
	refusals := &refusalOptions{realm: p.realm, format: bodyFormat(o.choice("body_format", bodyFormatNames...))}
	p.rejectNonCanonical = o.choice("non_canonical_paths", "judge", "reject") == 1
	refusals.details = readDetails(o, defaultDetails)
	refusals.headers = readRefusalHeaders(o, nil)
	p.forwardAuthorization = o.boolean("forward_authorization", false)
	p.cacheBytes = o.integer("token_cache_bytes", 4<<20, 0, 256<<20)
	p.tells.read(o, &p.claims)
	p.readProviders(o)
	p.revocations = readRevocations(o, &p.claims, len(p.jwt.list) > 0, p.jwt.takes)
	p.resources, refusals.metadata = readResources(o)
	p.cors = readCORS(o)
	ready := newRefusals(refusals)
	p.negotiates = refusals.format == bodyNegotiate
	p.readRules(o, refusals, ready)
	p.tells.questions.known = nil
	p.static.identify(&p.tells, &p.claims)
	p.fallback = &rule{
		forwardAuthorization: p.forwardAuthorization,
		places:               everyPlace,
		refusals:             ready,
	}
	p.preflight = &rule{access: accessAnonymous, refusals: ready}
	o.done()
}

// readDetails reads the texts of refusals that replace those given.
func readDetails(o *object, details [numDetails]string) [numDetails]string {
	d := o.object("details")
	if d == nil {
		return details
	}
	for i, name := range detailNames {
		if name != "" {
			details[i] = d.checked(name, details[i], wantDetail)
		}
	}
	d.done()
	return details
}

func (p *Policy) readProviders(o *object) {
	n := o.get("providers")
	if n == nil {
		o.wrong("providers", "want an object with at least one provider")
		return
	}
	providers := asObject(n, o.problems)
	if providers == nil {
		return
	}
	if len(providers.members) == 0 {
		providers.problems.add(providers.path, "want at least one provider, got an empty object")
	}
	// A Struct has lost the order of its members, so it may not count.
	members := append([]member(nil), providers.members...)
	sort.Slice(members, func(i, j int) bool { return members[i].name < members[j].name })
	var by []askedBy
	for _, m := range members {
		if want := wantName(m.name); want != "" {
			o.problems.add(m.value.path, want)
		}
		index := len(p.providers)
		p.providers = append(p.providers, m.name)
		provider := asObject(m.value, o.problems)
		if provider == nil {
			p.places = append(p.places, 0)
			continue
		}
		provider.secretive = true
		if !provider.has("type") {
			provider.wrong("type", "want one of static, jwt, introspection")
		}
		p.places = append(p.places, p.locations.read(provider, p.tells.own.have))
		switch provider.choice("type", "static", "jwt", "introspection") {
		case 1:
			if ask := p.jwt.read(provider, index, m.name, &p.claims, &p.sources); ask != "" {
				by = append(by, askedBy{index, ask, provider.at("introspect_after_verify")})
			}
		case 2:
			p.introspectors.read(provider, index, m.name, p.places, &p.claims, &p.sources)
		default:
			p.static.read(provider, index, m.name)
		}
	}
	p.resolveAsked(by, o.problems)
}

func (p *Policy) provider(name string) int {
	for i := range p.providers {
		if p.providers[i] == name {
			return i
		}
	}
	return -1
}

func (p *Policy) wantProvider(name string) string {
	if p.provider(name) < 0 {
		return "want one of the providers, got " + quote(name)
	}
	return ""
}

func (p *Policy) readRules(o *object, common *refusalOptions, ready *refusals) {
	for _, item := range o.array("rules") {
		r := asObject(item, o.problems)
		if r == nil {
			continue
		}
		before := len(o.problems.list)
		rule := p.readRule(r, common, ready)
		rule.path = item.path
		if len(o.problems.list) > before {
			// What a broken rule would match is unknown.
			continue
		}
		for _, earlier := range p.rules {
			if earlier.match.covers(&rule.match) {
				o.problems.add(item.path, "can never apply: "+earlier.path+" matches whatever this rule matches and comes first")
				break
			}
		}
		p.rules = append(p.rules, rule)
	}
	p.index = newRuleIndex(matches(p.rules))
}

func (p *Policy) readRule(o *object, common *refusalOptions, ready *refusals) *rule {
	r := &rule{name: o.checked("name", "", wantName)}
	if m := o.object("match"); m != nil {
		r.match = readMatch(m, p.tells.own.have, &p.properties)
	}
	r.access = access(o.choice("access", accessNames...))
	r.forwardAuthorization = o.boolean("forward_authorization", p.forwardAuthorization)
	p.readWhose(o, r)
	r.shadow = o.boolean("shadow", false)
	r.scopes = o.strings("scopes", wantScope)
	for _, scope := range r.scopes {
		r.needsScopes = r.needsScopes.with(p.tells.questions.scope(scope))
	}
	for _, scope := range o.strings("any_scopes", wantScope) {
		r.needsAnyScope = r.needsAnyScope.with(p.tells.questions.scope(scope))
		if !contains(r.scopes, scope) {
			r.scopes = append(r.scopes, scope)
		}
	}
	r.needsClaims = readPredicates(o, &p.claims, &p.tells.questions)
	r.forwardUnverified = o.boolean("insecure_forward_unverified_token", false)
	own := *common
	if format := bodyFormat(o.choice("body_format", bodyFormatNames...)); o.has("body_format") {
		own.format = format
	}
	own.details = readDetails(o, common.details)
	own.headers = readRefusalHeaders(o, common.headers)
	own.scopes = r.scopes
	own.metadata = p.resources.readMetadataURL(o, common.metadata)
	p.negotiates = p.negotiates || own.format == bodyNegotiate
	o.done()
	p.checkRule(o, r)
	r.refusals = ready
	if own.metadata != common.metadata || o.has("body_format") || o.has("details") || o.has("refusal_headers") || len(own.scopes) > 0 {
		r.refusals = newRefusals(&own)
	}
	return r
}

// readWhose reads whose tokens a rule takes, and so where it looks for them.
func (p *Policy) readWhose(o *object, r *rule) {
	r.places = everyPlace
	if names := o.strings("providers", p.wantProvider); o.has("providers") {
		r.providers = make([]bool, len(p.providers))
		r.places = 0
		for _, name := range names {
			r.providers[p.provider(name)] = true
			r.places |= p.places[p.provider(name)]
		}
	}
	var seen places
	before := len(o.problems.list)
	for _, name := range o.strings("all_of", p.wantProvider) {
		provider := p.provider(name)
		if seen&p.places[provider] != 0 {
			o.wrong("all_of", "want providers whose tokens stand at different token_locations: "+quote(name)+" shares one with another")
		}
		seen |= p.places[provider]
		r.allOf = append(r.allOf, provider)
	}
	if o.has("all_of") && len(r.allOf) < 2 && len(o.problems.list) == before {
		o.wrong("all_of", "want at least two providers")
	}
	if o.has("all_of") && o.has("providers") {
		o.wrong("all_of", "want providers or all_of, not both")
	}
}

// checkRule finds members that would be of no effect beside the others.
func (p *Policy) checkRule(o *object, r *rule) {
	if !r.access.verifies() {
		for _, name := range []string{"providers", "all_of", "scopes", "any_scopes", "claims"} {
			if o.has(name) {
				o.wrong(name, `want no such member in a rule with access `+quote(accessNames[r.access])+": no token is verified")
			}
		}
	}
	if r.shadow && r.access != accessToken && r.access != accessDeny {
		o.wrong("shadow", "want it only in a rule with access token or deny")
	}
	if o.has("insecure_forward_unverified_token") && r.access != accessAnonymous && r.access != accessPresenceOnly && !r.shadow {
		o.wrong("insecure_forward_unverified_token", "want it only in a rule with access anonymous or insecure_presence_only, or in shadow")
	}
	if o.has("forward_authorization") && r.access == accessDeny && !r.shadow {
		o.wrong("forward_authorization", "want no such member in a rule with access deny: nothing is forwarded")
	}
	for _, name := range []string{"protected_resource", "resource_metadata"} {
		if o.has(name) && (r.access == accessDeny || r.access == accessAnonymous) {
			o.wrong(name, "want no such member in a rule with access "+quote(accessNames[r.access])+": it asks nobody for a token")
		}
	}
}
