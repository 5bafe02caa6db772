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
func readScopeClaims(o *object, t *claimTable) (list []scopeClaim) {
	for _, item := range o.array("scope_claims") {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		claim := t.read(c)
		form := scopeForm(c.choice("form", "string", "array", "string_or_array"))
		c.done()
		list = append(list, scopeClaim{claim, form})
	}
	if !o.has("scope_claims") {
		list = append(list, scopeClaim{claim: t.index("scope")})
	}
	return list
}

// appendTo appends the scopes in a claim's value, borrowed from it. One in another
// form than was agreed gives none: "read admin" in an array is no scope, and not
// two.
func (s *scopeClaim) appendTo(list []string, value jose.Value) []string {
	switch {
	case value.Kind() == '"' && s.form != scopeArray:
		text, _ := value.Text()
		return appendScopes(list, borrow(text))
	case value.Kind() == '[' && s.form != scopeString:
		return appendItems(list, value)
	}
	return list
}

// appendScopes splits at spaces and nothing else.
func appendScopes(list []string, text string) []string {
	for text != "" {
		var scope string
		scope, text, _ = strings.Cut(text, " ")
		if isScopeToken(scope) {
			list = append(list, scope)
		}
	}
	return list
}

func appendItems(list []string, array jose.Value) []string {
	array.Items(func(item jose.Value) bool {
		if text, ok := item.Text(); ok && isScopeToken(borrow(text)) {
			list = append(list, borrow(text))
		}
		return true
	})
	return list
}
