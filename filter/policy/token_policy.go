package policy

import (
	"strings"
	"time"
)

// tokenPolicy is what the claims of a provider's tokens must be, whoever says
// them: a verified JWT, or a server that was asked about a token.
type tokenPolicy struct {
	audiences     []string
	laxAudiences  bool
	subjects      []stringMatcher
	required      []requiredClaim
	leeway        float64 // seconds
	maxLifetime   float64 // seconds; 0: any
	allowNoExpiry bool
	scopes        []scopeClaim
}

// requiredClaim wants a claim to be one of some values.
type requiredClaim struct {
	claim  int      // index in Policy.claimRefs
	values []string // strings as they are, numbers and booleans as they are written
}

// judgeClaims checks what does not depend on the time.
func (t *tokenPolicy) judgeClaims(c *claims) Reason {
	switch {
	case c.confirmed:
		// Taken as a bearer token, its binding to a key would be decoration.
		return ReasonSenderConstrained
	case len(t.audiences) > 0 && !t.takesAudience(c.audience):
		return ReasonWrongAudience
	case !c.exp.set && !t.allowNoExpiry:
		return ReasonNoExpiry
	case t.maxLifetime > 0 && (!c.exp.set || !c.iat.set || c.exp.seconds-c.iat.seconds > t.maxLifetime):
		return ReasonLifetime
	case !t.takesSubject(c):
		return ReasonWrongSubject
	}
	for _, r := range t.required {
		if !r.met(c) {
			return ReasonWrongClaim
		}
	}
	return ReasonTokenValid
}

// readTokenPolicy reads what all providers of tokens with claims have in common.
func readTokenPolicy(o *object, table *claimTable) (t tokenPolicy) {
	t.audiences = o.strings("audiences", wantClaimText)
	t.laxAudiences = o.boolean("insecure_lax_audiences", false)
	t.leeway = o.duration("leeway", 30*time.Second, 0, 5*time.Minute).Seconds()
	t.maxLifetime = o.duration("max_lifetime", 0, time.Second, 366*24*time.Hour).Seconds()
	t.subjects = readMatchers(o, "subjects")
	t.required = readRequiredClaims(o, table)
	t.scopes = readScopeClaims(o, table)
	return t
}

func (t *tokenPolicy) takesAudience(audience []string) bool {
	for _, have := range audience {
		for _, want := range t.audiences {
			if have == want || t.laxAudiences && laxAudience(have) == laxAudience(want) {
				return true
			}
		}
	}
	return false
}

// laxAudience is what Envoy's jwt_authn compares: without scheme and one slash
// at the end.
func laxAudience(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	return strings.TrimSuffix(s, "/")
}

func (t *tokenPolicy) takesSubject(c *claims) bool {
	if len(t.subjects) == 0 {
		return true
	}
	for i := range t.subjects {
		if c.hasSubject && t.subjects[i].match(c.subject) {
			return true
		}
	}
	return false
}

func (t *tokenPolicy) window(c *claims) window {
	w := window{expires: latestDate}
	if c.exp.set {
		w.expires = c.exp.seconds + t.leeway
	}
	if c.nbf.set {
		w.notBefore = c.nbf.seconds - t.leeway
	}
	if c.iat.set {
		// What is issued in the future is not valid yet.
		w.notBefore = max(w.notBefore, c.iat.seconds-t.leeway)
	}
	return w
}

func (r requiredClaim) met(c *claims) bool {
	for _, value := range r.values {
		if hasClaim(c.values[r.claim], value) {
			return true
		}
	}
	return false
}
