package claims

import (
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

// ScopeClaim is a claim that contains scopes, and its form.
type ScopeClaim struct {
	Claim int // index in Claims.Values
	form  scopeForm
}

type scopeForm int

const (
	scopeString scopeForm = iota // space-delimited, RFC 6749 section 3.3
	scopeArray                   // of strings, each one whole scope token
	scopeEither
)

// readScopeClaims reads where the tokens of a provider have their scopes.
func readScopeClaims(o *config.Object, t *Table) (list []ScopeClaim) {
	for _, item := range o.Array("scope_claims") {
		c := config.AsObject(item, o.Problems)
		if c == nil {
			continue
		}
		claim := t.Read(c)
		form := scopeForm(c.Choice("form", "string", "array", "string_or_array"))
		c.Done()
		list = append(list, ScopeClaim{claim, form})
	}
	if !o.Has("scope_claims") {
		list = append(list, ScopeClaim{Claim: t.Index("scope")})
	}
	return list
}

// AppendTo appends the scopes in the value of the claim, from which they borrow. A value
// in another form than the configured one has none: the item "read admin" of an array is
// neither a scope nor two.
func (s *ScopeClaim) AppendTo(list []string, value jose.Value) []string {
	switch {
	case value.Kind() == '"' && s.form != scopeArray:
		text, _ := value.Text()
		return appendScopes(list, syntax.Borrow(text))
	case value.Kind() == '[' && s.form != scopeString:
		return appendItems(list, value)
	}
	return list
}

// appendScopes splits the text at spaces only (RFC 6749 section 3.3).
func appendScopes(list []string, text string) []string {
	for text != "" {
		var scope string
		scope, text, _ = strings.Cut(text, " ")
		if syntax.IsScopeToken(scope) {
			list = append(list, scope)
		}
	}
	return list
}

func appendItems(list []string, array jose.Value) []string {
	array.Items(func(item jose.Value) bool {
		if text, ok := item.Text(); ok && syntax.IsScopeToken(syntax.Borrow(text)) {
			list = append(list, syntax.Borrow(text))
		}
		return true
	})
	return list
}
