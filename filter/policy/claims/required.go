package claims

import (
	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// HasClaim reports whether a claim is the string value, an array that contains it, or a
// number or boolean that is written like it.
func HasClaim(claim jose.Value, value string) bool {
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
		return syntax.Borrow(claim) == value
	}
	return false
}

// readRequiredClaims reads required_claims.
func readRequiredClaims(o *config.Object, t *Table) (list []requiredClaim) {
	for _, item := range o.Array("required_claims") {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		claim := t.Read(c)
		values := c.Strings("values", config.WantClaimText)
		if !c.Has("values") {
			c.Wrong("values", "want the values that the claim may have")
		}
		c.Done()
		list = append(list, requiredClaim{claim, values})
	}
	return list
}

// requiredClaim requires a claim to have one of the values.
type requiredClaim struct {
	claim  int      // index in Claims.Values
	values []string // strings as they are, numbers and booleans as they are written
}

// met reports whether the token has the claim.
func (r requiredClaim) met(c *Claims) bool {
	for _, value := range r.values {
		if HasClaim(c.Values[r.claim], value) {
			return true
		}
	}
	return false
}
