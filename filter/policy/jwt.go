package policy

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// jwtProvider is one issuer of JWTs and what its tokens must be.
type jwtProvider struct {
	index int // in Policy.providers
	name  string
	tokenPolicy
	keyring
	types []string // accepted typ, lower case without application/; nil: what is no other kind of JWT
}

// issuerRule is what an issuer's name leads to. With claim, which comes from a
// template, that claim must have that value.
type issuerRule struct {
	provider int // index in Policy.jwt
	claim    int // index in Policy.claimRefs, -1: none
	value    string
}

// jwtProviders are all of them, by whose tokens they verify.
type jwtProviders struct {
	list    []*jwtProvider
	issuers map[string][]issuerRule
	any     []*jwtProvider // those whose tokens need no known issuer
	// elsewhere are the issuers whose JWTs a server judges: nobody here takes them.
	elsewhere map[string]bool
}

// takes reports whether some provider has tokens of this issuer.
func (ps *jwtProviders) takes(issuer string) bool {
	return len(ps.issuers[issuer]) > 0 || len(ps.any) > 0
}

// jwtState is what a worker knows of JWTs.
type jwtState struct {
	of      *jwtProviders
	table   *claimTable
	tells   *propagation
	keys    *keyStates
	revoked *revocationState // nil: no token is ever revoked
	cache   *tokenCache

	parser jose.Parser
	claims claims
}

func newJWTState(of *jwtProviders, table *claimTable, tells *propagation, keys *keyStates, revoked *revocationState, bytes int) *jwtState {
	return &jwtState{of: of, table: table, tells: tells, keys: keys, revoked: revoked, cache: newTokenCache(bytes)}
}

// known is what is remembered of a token that was good, nil where that is nothing.
func (s *jwtState) known(key tokenKey) *goodToken {
	good, _ := s.cache.good.get(key)
	return good
}

// verify verifies a token of any JWT provider, which may have been revoked since it
// was issued.
func (s *jwtState) verify(token string, key tokenKey, remembered *goodToken, m moment) verification {
	v, good := s.verifySigned(token, key, remembered, m)
	if good != nil && v.reason == ReasonTokenValid && s.revoked != nil {
		return s.revoked.unlessRevoked(v, good.marks, m.now, m.how == waits)
	}
	return v
}

// window is when a token is valid, leeway included: from notBefore until just
// before expires, in seconds since the epoch.
type window struct{ notBefore, expires float64 }

func (w window) judge(now float64) Reason {
	switch {
	case now >= w.expires:
		return ReasonExpired
	case now < w.notBefore:
		return ReasonNotYetValid
	}
	return ReasonTokenValid
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// verifySigned is verify without revocations. wait is set where a fetch that may
// begin now could change the answer.
func (s *jwtState) verifySigned(token string, key tokenKey, remembered *goodToken, m moment) (verification, *goodToken) {
	at := seconds(m.now)
	if remembered != nil {
		if s.current(remembered, at) {
			return verification{id: &remembered.identity, reason: remembered.window.judge(at)}, remembered
		}
		s.cache.good.drop(key)
	}
	bad, known := s.lookBad(key, at)
	// ReasonUnknownKey with keys: those were tried, and a fetch may bring another.
	tried := known && bad.reason == ReasonUnknownKey && bad.keys != nil
	if known && !tried {
		return verification{reason: bad.reason}, nil
	}
	message, err := s.parser.Parse(token)
	if err == jose.ErrParts {
		return verification{reason: ReasonUnknownToken}, nil // opaque, and quickly seen to be
	}
	if err != nil {
		return s.refuse(key, ReasonMalformedToken, nil, nil, at)
	}
	c := &s.claims
	c.reset(s.table)
	for i := range message.Claims {
		c.take(s.table, message.Claims[i].Name, message.Claims[i].Value)
	}
	if c.malformed {
		return s.refuse(key, ReasonMalformedToken, nil, nil, at)
	}
	// Until the signature is verified, the issuer only chooses whose keys to ask.
	provider, claim, value := s.of.provider(c, message)
	if provider == nil {
		return s.refuse(key, ReasonWrongIssuer, nil, nil, at)
	}
	if !provider.takesKey(message) {
		return s.refuse(key, ReasonUnknownKey, nil, nil, at)
	}
	if !provider.algorithms.Has(message.Algorithm) {
		return s.refuse(key, ReasonAlgorithm, nil, nil, at)
	}
	keys := s.keys.of(&provider.keyring)
	found := signer{mayBeNewer: true}
	if !tried {
		found = s.keys.signer(message, keys)
	}
	switch {
	case found.key != nil:
	case found.tooMany && found.shared:
		// The request is refused for another of its tokens. This one may be good.
		return verification{reason: ReasonTooManyKeys}, nil
	case found.tooMany:
		return s.refuse(key, ReasonTooManyKeys, provider, keys, at)
	case found.mayBeNewer && provider.source != nil:
		if found.tried {
			s.cache.keepBad(key, ReasonUnknownKey, provider, keys, at)
		}
		reason, wait := s.keys.ask(provider.source, message.KeyID, m.now, m.how == waits)
		v := verification{reason: reason}
		if wait {
			v.wait = provider.source.errand()
		}
		return v, nil
	case !found.tried:
		return verification{reason: ReasonUnknownKey}, nil
	default:
		// Only while this key set is in force: another key may join under the same kid.
		return s.refuse(key, ReasonBadSignature, provider, keys, at)
	}
	c.resolve(s.table)
	if reason := provider.judge(c, message, claim, value); reason != ReasonTokenValid {
		return s.refuse(key, reason, provider, keys, at)
	}
	marks, ok := s.revoked.marksOf(c, s.table, message, found.key)
	if !ok {
		return s.refuse(key, ReasonMalformedToken, provider, keys, at)
	}
	good := &goodToken{provider: provider, key: found.key, window: provider.window(c), marks: marks}
	said := s.testimony(provider, c, message)
	s.tells.identify(&good.identity, &said)
	reason := good.window.judge(at)
	if reason == ReasonExpired {
		s.cache.keepExpired(key, good.window.expires, provider, keys, at)
	} else {
		s.cache.good.put(key, good)
	}
	return verification{id: &good.identity, reason: reason}, good
}

// refuse refuses a token, and remembers it.
func (s *jwtState) refuse(key tokenKey, reason Reason, provider *jwtProvider, keys *jose.KeySet, at float64) (verification, *goodToken) {
	s.cache.keepBad(key, reason, provider, keys, at)
	return verification{reason: reason}, nil
}

// provider finds the provider of a token by its issuer, and where several share
// the issuer by its audience and its key's name. No signature is tried for it.
func (ps *jwtProviders) provider(c *claims, m *jose.Message) (provider *jwtProvider, claim int, value string) {
	rules := ps.issuers[c.issuer]
	if c.hasIssuer && ps.elsewhere[c.issuer] {
		return nil, -1, ""
	}
	if !c.hasIssuer || len(rules) == 0 {
		for _, j := range ps.any {
			if j.takesKey(m) {
				return j, -1, ""
			}
		}
		if len(ps.any) > 0 {
			return ps.any[0], -1, ""
		}
		return nil, -1, ""
	}
	best, owned := rules[0], false
	for _, r := range rules {
		j := ps.list[r.provider]
		if !j.takesKey(m) {
			continue
		}
		if len(rules) == 1 || j.takesAudience(c.audience) {
			best = r
			break
		}
		if !owned {
			best, owned = r, true
		}
	}
	return ps.list[best.provider], best.claim, best.value
}

// judge checks what depends on neither time nor keys, after the signature.
func (j *jwtProvider) judge(c *claims, m *jose.Message, claim int, value string) Reason {
	if !j.takesType(m) {
		return ReasonWrongType
	}
	if reason := j.judgeClaims(c); reason != ReasonTokenValid {
		return reason
	}
	if claim >= 0 && !hasClaim(c.values[claim], value) {
		return ReasonWrongIssuer
	}
	return ReasonTokenValid
}

func (j *jwtProvider) takesType(m *jose.Message) bool {
	if j.types == nil {
		if !m.HasType {
			return true
		}
		if m.Type == "JWT" || m.Type == "at+jwt" {
			return true
		}
		// Another kind of JWT must not pass for an access token (RFC 8725 section 3.12),
		// not with a parameter behind its type either.
		typ, _, _ := strings.Cut(mediaType(m.Type), ";")
		typ = strings.TrimSpace(typ)
		return typ == "at+jwt" || !strings.HasSuffix(typ, "+jwt")
	}
	return m.HasType && contains(j.types, mediaType(m.Type))
}

// mediaType compares as RFC 7515 section 4.1.9 has it: in any case, with or
// without application/.
func mediaType(s string) string {
	return strings.TrimPrefix(strings.ToLower(s), "application/")
}

// hasClaim compares a claim with a configured value: a string, or an array that
// holds it, or a number or boolean as it is written.
func hasClaim(claim jose.Value, value string) bool {
	switch claim.Kind() {
	case '"':
		return claim.Is(value)
	case '[':
		found := false
		claim.Items(func(item jose.Value) bool {
			found = item.Is(value)
			return !found
		})
		return found
	case 't', 'f', '0':
		return borrow(claim) == value
	}
	return false
}

// testimony is what a verified JWT says.
func (s *jwtState) testimony(j *jwtProvider, c *claims, m *jose.Message) testimony {
	t := testimony{provider: j.index, name: j.name, subject: c.subject, values: c.values, scopes: j.scopes}
	t.clientID = s.tells.clientIDOf(c)
	_, t.payload, _ = strings.Cut(m.Signed, ".")
	return t
}

// clientIDOf is client_id, as RFC 9068 and RFC 7662 have it, or OpenID Connect's
// azp. Where both are there, one alone counts, whatever it is.
func (p *propagation) clientIDOf(c *claims) string {
	if !p.clientID.anywhere() {
		return ""
	}
	value := c.values[p.clientClaims[0]]
	if value == nil {
		value = c.values[p.clientClaims[1]]
	}
	text, _ := value.Text()
	return borrow(text)
}
