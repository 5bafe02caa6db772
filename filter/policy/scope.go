package policy

import (
	"strings"

	"bearerauth/filter/jose"
)

// scopeClaim is a claim that holds scopes, and how.
type scopeClaim struct {
	claim int // in Policy.claimRefs
	form  scopeForm
}

type scopeForm int

const (
	scopeString scopeForm = iota // space-delimited, RFC 6749 section 3.3
	scopeArray                   // of strings, each one whole scope token
	scopeEither
)

// readScopeClaims reads where the tokens of a provider have their scopes.
func (p *Policy) readScopeClaims(o *object) (list []scopeClaim) {
	for _, item := range o.array("scope_claims") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		claim := p.readClaimRef(c)
		form := scopeForm(c.choice("form", "string", "array", "string_or_array"))
		c.done()
		list = append(list, scopeClaim{claim, form})
	}
	if !o.has("scope_claims") {
		list = append(list, scopeClaim{claim: p.claimIndex("scope")})
	}
	return list
}

// visit shows the scopes in a claim's value. One in another form than was
// agreed gives none: "read admin" in an array is no scope, and not two.
func (s *scopeClaim) visit(value jose.Value, visit func(scope string)) {
	switch {
	case value.Kind() == '"' && s.form != scopeArray:
		text, _ := value.Text()
		visitScopes(borrow(text), visit)
	case value.Kind() == '[' && s.form != scopeString:
		value.Items(func(item jose.Value) bool {
			if text, ok := item.Text(); ok && isScopeToken(borrow(text)) {
				visit(borrow(text))
			}
			return true
		})
	}
}

// visitScopes splits at spaces and nothing else.
func visitScopes(text string, visit func(scope string)) {
	for text != "" {
		var scope string
		scope, text, _ = strings.Cut(text, " ")
		if isScopeToken(scope) {
			visit(scope)
		}
	}
}
