package claims

import (
	"strings"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
)

// Validator is what the claims of a provider's tokens must be, whoever says
// them: a verified JWT, or a server that was asked about a token.
type Validator struct {
	Audiences     []string
	laxAudiences  bool
	subjects      []stringMatcher
	required      []requiredClaim
	Leeway        float64 // seconds
	MaxLifetime   float64 // seconds; 0: any
	AllowNoExpiry bool
	Scopes        []ScopeClaim
}

// JudgeClaims checks what does not depend on the time.
func (t *Validator) JudgeClaims(c *Claims) verdict.Reason {
	switch {
	case c.senderConstrained:
		// Taken as a bearer token, its binding to a key would be decoration.
		return verdict.ReasonSenderConstrained
	case len(t.Audiences) > 0 && !t.TakesAudience(c.Audience):
		return verdict.ReasonWrongAudience
	case !c.Exp.Set && !t.AllowNoExpiry:
		return verdict.ReasonNoExpiry
	case t.MaxLifetime > 0 && (!c.Exp.Set || !c.Iat.Set || c.Exp.Seconds-c.Iat.Seconds > t.MaxLifetime):
		return verdict.ReasonLifetime
	case !t.takesSubject(c):
		return verdict.ReasonWrongSubject
	}
	for _, r := range t.required {
		if !r.met(c) {
			return verdict.ReasonWrongClaim
		}
	}
	return verdict.ReasonTokenValid
}

// ReadValidator reads what all providers of tokens with claims have in common.
func ReadValidator(o *config.Object, table *Table) (t Validator) {
	t.Audiences = o.Strings("audiences", config.WantClaimText)
	t.laxAudiences = o.Boolean("insecure_lax_audiences", false)
	t.Leeway = o.Duration("leeway", 30*time.Second, 0, 5*time.Minute).Seconds()
	t.MaxLifetime = o.Duration("max_lifetime", 0, time.Second, 366*24*time.Hour).Seconds()
	t.subjects = readMatchers(o, "subjects")
	t.required = readRequiredClaims(o, table)
	t.Scopes = readScopeClaims(o, table)
	return t
}

func (t *Validator) TakesAudience(audience []string) bool {
	for _, have := range audience {
		for _, want := range t.Audiences {
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

func (t *Validator) takesSubject(c *Claims) bool {
	if len(t.subjects) == 0 {
		return true
	}
	for i := range t.subjects {
		if c.HasSubject && t.subjects[i].match(c.Subject) {
			return true
		}
	}
	return false
}

func (t *Validator) Window(c *Claims) Window {
	w := Window{Expires: LatestDate}
	if c.Exp.Set {
		w.Expires = c.Exp.Seconds + t.Leeway
	}
	if c.nbf.Set {
		w.notBefore = c.nbf.Seconds - t.Leeway
	}
	if c.Iat.Set {
		// What is issued in the future is not valid yet.
		w.notBefore = max(w.notBefore, c.Iat.Seconds-t.Leeway)
	}
	return w
}
