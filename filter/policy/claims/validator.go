package claims

import (
	"strings"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
)

// Validator has the requirements that a provider has of the claims of its tokens. The
// provider's type makes no difference.
type Validator struct {
	Audiences     []string // of which the token must name one; none: any audience, or no audience
	laxAudiences  bool     // compare audiences as Envoy's jwt_authn does
	subjects      []stringMatcher
	required      []requiredClaim
	Leeway        float64 // clock difference in seconds
	MaxLifetime   float64 // from iat to exp, in seconds; 0: any
	AllowNoExpiry bool
	Scopes        []ScopeClaim
}

// JudgeClaims checks all claims except for the times, which Window has. Claims.Resolve
// must have been called.
func (v *Validator) JudgeClaims(c *Claims) verdict.Reason {
	switch {
	case c.senderConstrained:
		// A token that is bound to a key must not pass as a bearer token: its thief lacks
		// the key (RFC 7800, RFC 8705, RFC 9449).
		return verdict.ReasonSenderConstrained
	case len(v.Audiences) > 0 && !v.TakesAudience(c.Audience):
		return verdict.ReasonWrongAudience
	case !c.Exp.Set && !v.AllowNoExpiry:
		return verdict.ReasonNoExpiry
	case v.MaxLifetime > 0 && (!c.Exp.Set || !c.Iat.Set || c.Exp.Seconds-c.Iat.Seconds > v.MaxLifetime):
		return verdict.ReasonLifetime
	case !v.takesSubject(c):
		return verdict.ReasonWrongSubject
	}
	for _, r := range v.required {
		if !r.met(c) {
			return verdict.ReasonWrongClaim
		}
	}
	return verdict.ReasonTokenValid
}

// ReadValidator reads the requirements, of a provider of any type that has claims.
// Problems go to o.
func ReadValidator(o *config.Object, table *Table) (v Validator) {
	v.Audiences = o.Strings("audiences", config.WantClaimText)
	v.laxAudiences = o.Boolean("insecure_lax_audiences", false)
	v.Leeway = o.Duration("leeway", 30*time.Second, 0, 5*time.Minute).Seconds()
	v.MaxLifetime = o.Duration("max_lifetime", 0, time.Second, 366*24*time.Hour).Seconds()
	v.subjects = readMatchers(o, "subjects")
	v.required = readRequiredClaims(o, table)
	v.Scopes = readScopeClaims(o, table)
	return v
}

// TakesAudience reports whether one of these audiences is among the Audiences.
func (v *Validator) TakesAudience(audience []string) bool {
	for _, have := range audience {
		for _, want := range v.Audiences {
			if have == want || v.laxAudiences && laxAudience(have) == laxAudience(want) {
				return true
			}
		}
	}
	return false
}

// laxAudience returns what Envoy's jwt_authn compares: the audience without its scheme
// and without a slash at its end.
func laxAudience(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	return strings.TrimSuffix(s, "/")
}

func (v *Validator) takesSubject(c *Claims) bool {
	if len(v.subjects) == 0 {
		return true
	}
	for i := range v.subjects {
		if c.HasSubject && v.subjects[i].match(c.Subject) {
			return true
		}
	}
	return false
}

// Window returns when a token is valid, by its exp, nbf and iat and the leeway.
func (v *Validator) Window(c *Claims) Window {
	w := Window{Expires: LatestDate}
	if c.Exp.Set {
		w.Expires = c.Exp.Seconds + v.Leeway
	}
	if c.nbf.Set {
		w.notBefore = c.nbf.Seconds - v.Leeway
	}
	if c.Iat.Set {
		// A token with an iat in the future is not valid yet.
		w.notBefore = max(w.notBefore, c.Iat.Seconds-v.Leeway)
	}
	return w
}
