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
	types  []string // accepted typ, lower case without application/; nil: what is no other kind of JWT
	keyIDs []string // the only kids of its tokens; nil: any
}

// issuerRule is what an issuer's name leads to. With claim, which comes from a
// template, that claim must have that value.
type issuerRule struct {
	provider int // index in Policy.jwt
	claim    int // index in Policy.claimRefs, -1: none
	value    string
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

// verifyJWT verifies a token of any JWT provider. wait is set where a fetch that
// may begin now could change the answer.
func (p *Policy) verifyJWT(s *State, token string, key tokenKey, remembered *goodToken, now time.Time, mayWait bool) verification {
	at := seconds(now)
	if remembered != nil {
		if s.current(remembered, at) {
			return verification{id: &remembered.identity, reason: remembered.window.judge(at)}
		}
		s.cache.good.drop(key)
	}
	if bad, known := s.lookBad(key, at); known {
		return verification{reason: bad}
	}
	message, err := s.parser.Parse(token)
	if err == jose.ErrParts {
		return verification{reason: ReasonUnknownToken} // opaque, and quickly seen to be
	}
	if err != nil {
		s.cache.keepBad(key, ReasonMalformedToken, nil, nil, at)
		return verification{reason: ReasonMalformedToken}
	}
	c := &s.claims
	c.reset(&p.claims)
	for i := range message.Claims {
		c.take(&p.claims, message.Claims[i].Name, message.Claims[i].Value)
	}
	if c.malformed {
		s.cache.keepBad(key, ReasonMalformedToken, nil, nil, at)
		return verification{reason: ReasonMalformedToken}
	}
	// Until the signature is verified, the issuer only chooses whose keys to ask.
	provider, claim, value := p.providerOf(c, message)
	if provider == nil {
		s.cache.keepBad(key, ReasonWrongIssuer, nil, nil, at)
		return verification{reason: ReasonWrongIssuer}
	}
	if !provider.ownsKey(message) {
		s.cache.keepBad(key, ReasonUnknownKey, nil, nil, at)
		return verification{reason: ReasonUnknownKey}
	}
	if !provider.algorithms.Has(message.Algorithm) {
		s.cache.keepBad(key, ReasonAlgorithm, nil, nil, at)
		return verification{reason: ReasonAlgorithm}
	}
	keys := s.keys(&provider.keyring)
	signer, noSuchKey := (*jose.Key)(nil), true
	if s.cache.strange != (strangeToken{key, keys}) {
		signer, noSuchKey = s.signerOf(message, keys)
	}
	switch {
	case signer != nil:
	case noSuchKey && provider.source != nil:
		s.cache.strange = strangeToken{key, keys}
		reason, waits := s.sources[provider.source.index].ask(message.KeyID, now, mayWait)
		v := verification{reason: reason}
		if waits {
			v.wait = provider.source.errand()
		}
		return v
	case len(s.tries) == 0:
		return verification{reason: ReasonUnknownKey}
	default:
		// Not for as long as the tried key is there: another may join it.
		s.cache.keepBad(key, ReasonBadSignature, provider, keys, at)
		return verification{reason: ReasonBadSignature}
	}
	c.resolve(&p.claims)
	if reason := provider.judge(c, message, claim, value); reason != ReasonTokenValid {
		s.cache.keepBad(key, reason, provider, keys, at)
		return verification{reason: reason}
	}
	marks, ok := s.marksOf(c, message, signer)
	if !ok {
		s.cache.keepBad(key, ReasonMalformedToken, provider, keys, at)
		return verification{reason: ReasonMalformedToken}
	}
	good := &goodToken{provider: provider, key: signer, window: provider.window(c)}
	said := p.jwtTestimony(provider, c, message)
	p.tells.identify(&good.identity, &said)
	good.identity.marks = marks
	reason := good.window.judge(at)
	if reason == ReasonExpired {
		s.cache.expired, s.cache.expiredAt = key, at
	} else {
		s.cache.good.put(key, good)
	}
	return verification{id: &good.identity, reason: reason}
}

// providerOf finds the provider of a token by its issuer, and where several share
// the issuer by its audience and its key's name. No signature is tried for it.
func (p *Policy) providerOf(c *claims, m *jose.Message) (provider *jwtProvider, claim int, value string) {
	rules := p.issuers[c.issuer]
	if c.hasIssuer && p.judgesIssuer(c.issuer) {
		return nil, -1, ""
	}
	if !c.hasIssuer || len(rules) == 0 {
		for _, j := range p.anyIssuer {
			if j.ownsKey(m) {
				return j, -1, ""
			}
		}
		if len(p.anyIssuer) > 0 {
			return p.anyIssuer[0], -1, ""
		}
		return nil, -1, ""
	}
	best, owned := rules[0], false
	for _, r := range rules {
		j := p.jwt[r.provider]
		if !j.ownsKey(m) {
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
	return p.jwt[best.provider], best.claim, best.value
}

// ownsKey reports whether a provider's tokens may name this key, or none.
func (j *jwtProvider) ownsKey(m *jose.Message) bool {
	return len(j.keyIDs) == 0 || m.HasKeyID && contains(j.keyIDs, m.KeyID)
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

// jwtTestimony is what a verified JWT says.
func (p *Policy) jwtTestimony(j *jwtProvider, c *claims, m *jose.Message) testimony {
	t := testimony{provider: j.index, name: j.name, subject: c.subject, values: c.values, scopes: j.scopes}
	t.clientID = p.tells.clientIDOf(c)
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
