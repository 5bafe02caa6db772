package policy

import (
	"sort"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/match"
	"bearerauth/filter/policy/reply"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/verdict"
)

// Parse reads a plugin configuration that uses no environment variable. If it has
// problems, the error has all of them.
func Parse(config []byte) (*Policy, error) {
	return ParseWith(config, func(string) (string, bool) { return "", false })
}

// ParseWith is Parse with the environment variables of the VM, from which a configuration
// can take its secrets.
func ParseWith(text []byte, environment func(name string) (string, bool)) (*Policy, error) {
	problems := config.Problems{Environment: environment, Places: placesOf}
	root := config.ReadDocument(text, &problems)
	if root == nil {
		return nil, problems.Err()
	}
	p := &Policy{}
	p.read(&config.Object{Node: root, Problems: &problems})
	for problems.Again() {
		p = &Policy{}
		p.read(&config.Object{Node: root, Problems: &problems})
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	p.warnings = problems.Warnings
	return p, nil
}

func (p *Policy) read(o *config.Object) {
	p.realm = o.Checked("realm", "bearerauth", config.WantHeaderText)
	refusals := &reply.RefusalOptions{Realm: p.realm, Format: reply.BodyFormat(o.Choice("body_format", reply.BodyFormatNames...))}
	p.rejectNonCanonical = o.Choice("non_canonical_paths", "judge", "reject") == 1
	refusals.Details = readDetails(o, verdict.DefaultDetails)
	refusals.Headers = reply.ReadRefusalHeaders(o, nil)
	p.forwardAuthorization = o.Boolean("forward_authorization", false)
	p.cacheBytes = o.Integer("token_cache_bytes", 4<<20, 0, 256<<20)
	p.propagation.Read(o, &p.claims)
	complete := p.readProviders(o)
	p.revocations = revocation.Read(o, &p.claims, !p.jwt.Empty() || !complete, func(issuer string) bool {
		return p.jwt.Takes(issuer) || !complete
	})
	if p.FetchesRevocations() {
		p.calls = append(p.calls, o.At("revocations.uri"))
	}
	p.resources, refusals.Metadata = reply.ReadResources(o)
	p.cors = reply.ReadCORS(o)
	ready := reply.NewRefusals(refusals)
	p.negotiates = refusals.Format == reply.BodyNegotiate
	p.readRules(o, refusals, ready)
	p.propagation.Questions.Done()
	p.static.Identify(&p.propagation, &p.claims)
	p.fallback = &rule{
		forwardAuthorization: p.forwardAuthorization,
		places:               credential.Everywhere,
		refusals:             ready,
	}
	p.preflight = &rule{access: accessAnonymous, refusals: ready}
	o.Done()
}

// readDetails reads the texts of refusals. A text that is absent stays as in details.
func readDetails(o *config.Object, details [verdict.NumDetails]string) [verdict.NumDetails]string {
	d := o.Object("details")
	if d == nil {
		return details
	}
	for i, name := range verdict.DetailNames {
		if name != "" {
			details[i] = d.Checked(name, details[i], config.WantDetail)
		}
	}
	d.Done()
	return details
}

// readProviders reports whether all providers are without a problem. Otherwise what
// refers to them cannot be checked.
func (p *Policy) readProviders(o *config.Object) (complete bool) {
	before := len(o.Problems.List)
	n := o.Get("providers")
	if n == nil {
		o.Wrong("providers", "want an object with at least one provider")
		return false
	}
	if n.Kind != '{' {
		o.Wrong("providers", `want an object that has each provider under its name, as in {"main": {"type": "jwt"}}, got `+config.KindName(n.Kind))
		return false
	}
	providers := config.AsObject(n, o.Problems)
	if len(providers.Members) == 0 {
		providers.Problems.Add(providers.Path, "want at least one provider, got an empty object")
	}
	// A protobuf Struct has no order of members, so the order must not matter.
	members := append([]config.Member(nil), providers.Members...)
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	var after []introspectAfter
	for _, m := range members {
		if want := config.WantName(m.Name); want != "" {
			o.Problems.Add(m.Value.Path, want)
		}
		index := len(p.providers)
		p.providers = append(p.providers, m.Name)
		provider := config.AsObject(m.Value, o.Problems)
		if provider == nil {
			p.places = append(p.places, 0)
			continue
		}
		provider.MayHoldSecret = true
		if !provider.Has("type") && !provider.Misspelt("type") {
			provider.Wrong("type", "want one of static, jwt, introspection")
		}
		kind := provider.Choose("type", "static", "jwt", "introspection")
		if kind < 0 {
			// It is unknown which members this provider may have.
			p.places = append(p.places, 0)
			continue
		}
		p.places = append(p.places, p.locations.Read(provider, p.propagation.Owned.Contains))
		for _, member := range []string{"jwks_uri", "discovery", "introspection_uri"} {
			if provider.Has(member) {
				p.calls = append(p.calls, provider.At(member))
			}
		}
		switch kind {
		case 1:
			if server := p.jwt.Read(provider, index, m.Name, &p.claims, &p.sources); server != "" {
				after = append(after, introspectAfter{index, server, provider.At("introspect_after_verify")})
			}
		case 2:
			p.servers.Read(provider, index, m.Name, p.places, &p.claims, &p.sources)
		default:
			p.static.Read(provider, index, m.Name)
		}
	}
	complete = len(o.Problems.List) == before
	p.resolveIntrospection(after, complete, o.Problems)
	return complete
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
	if p.provider(name) < 0 && len(p.providers) > 0 {
		return "want one of the providers, got " + config.Quote(name) + config.DidYouMean(name, p.providers)
	}
	return ""
}

func (p *Policy) readRules(o *config.Object, common *reply.RefusalOptions, ready *reply.Refusals) {
	for _, item := range o.Array("rules") {
		r := config.AsObject(item, o.Problems)
		if r == nil {
			continue
		}
		before := len(o.Problems.List)
		rule := p.readRule(r, common, ready)
		rule.path = item.Path
		if len(o.Problems.List) > before {
			// It is unknown what a rule with problems would match.
			continue
		}
		for _, earlier := range p.rules {
			if earlier.match.Covers(&rule.match) {
				o.Problems.Add(item.Path, "can never apply: "+earlier.path+" comes first and matches every request that this rule matches")
				break
			}
		}
		p.rules = append(p.rules, rule)
	}
	p.index = match.NewIndex(matches(p.rules))
}

func (p *Policy) readRule(o *config.Object, common *reply.RefusalOptions, ready *reply.Refusals) *rule {
	r := &rule{name: o.Checked("name", "", config.WantName)}
	if m := o.Object("match"); m != nil {
		r.match = match.Read(m, p.propagation.Owned.Contains, &p.properties)
	}
	r.access = access(o.Choice("access", accessNames...))
	r.forwardAuthorization = o.Boolean("forward_authorization", p.forwardAuthorization)
	p.readProviderChoice(o, r)
	r.shadow = o.Boolean("shadow", false)
	r.challenge = p.readDemand(o, &r.demand)
	p.readAnyOf(o, r)
	r.forwardUnverified = o.Boolean("insecure_forward_unverified_token", false)
	own := *common
	if format := reply.BodyFormat(o.Choice("body_format", reply.BodyFormatNames...)); o.Has("body_format") {
		own.Format = format
	}
	own.Details = readDetails(o, common.Details)
	own.Headers = reply.ReadRefusalHeaders(o, common.Headers)
	own.Scopes = r.challenge
	own.Metadata = p.resources.ReadMetadataURL(o, common.Metadata)
	p.negotiates = p.negotiates || own.Format == reply.BodyNegotiate
	o.Done()
	p.checkRule(o, r)
	r.refusals = ready
	if own.Metadata != common.Metadata || o.Has("body_format") || o.Has("details") || o.Has("refusal_headers") || len(own.Scopes) > 0 {
		r.refusals = reply.NewRefusals(&own)
	}
	return r
}

// readProviderChoice reads the providers whose tokens a rule accepts, and so the places
// of these tokens.
func (p *Policy) readProviderChoice(o *config.Object, r *rule) {
	r.demand.providers, r.places = p.readAccepted(o, p.wantProvider)
	var seen credential.Places
	before := len(o.Problems.List)
	for _, name := range o.Strings("all_of", p.wantProvider) {
		provider := p.provider(name)
		if provider < 0 {
			continue // providers has a problem of its own
		}
		if seen&p.places[provider] != 0 {
			o.Wrong("all_of", "want providers with different token_locations: "+config.Quote(name)+" shares a location with another")
		}
		seen |= p.places[provider]
		r.allOf = append(r.allOf, provider)
	}
	if o.Has("all_of") && len(r.allOf) < 2 && len(o.Problems.List) == before && len(p.providers) > 0 {
		o.Wrong("all_of", "want at least two providers")
	}
	if o.Has("all_of") && o.Has("providers") {
		o.Wrong("all_of", "want providers or all_of, not both")
	}
}

// checkRule finds members that have no effect beside the others.
func (p *Policy) checkRule(o *config.Object, r *rule) {
	if o.Broken("access", "shadow") {
		return
	}
	if !r.access.verifies() {
		for _, name := range []string{"providers", "all_of", "scopes", "any_scopes", "claims", "any_of"} {
			if o.Has(name) {
				o.Wrong(name, `not allowed in a rule with access `+config.Quote(accessNames[r.access])+": no token is verified")
			}
		}
	}
	if r.shadow && r.access != accessToken && r.access != accessDeny {
		o.Wrong("shadow", "allowed only in a rule with access token or deny")
	}
	if o.Has("insecure_forward_unverified_token") && r.access != accessAnonymous && r.access != accessPresenceOnly && !r.shadow {
		o.Wrong("insecure_forward_unverified_token", "allowed only in a rule with access anonymous or insecure_presence_only, or in a shadow rule")
	}
	if o.Has("forward_authorization") && r.access == accessDeny && !r.shadow {
		o.Wrong("forward_authorization", "not allowed in a rule with access deny: nothing is forwarded")
	}
	for _, name := range []string{"protected_resource", "resource_metadata"} {
		if o.Has(name) && (r.access == accessDeny || r.access == accessAnonymous) {
			o.Wrong(name, "not allowed in a rule with access "+config.Quote(accessNames[r.access])+": its refusals ask for no token")
		}
	}
}
