package config

import (
	"errors"
	"regexp"
	re2 "regexp/syntax"
)

// MaxRegexInput bounds what an expression reads of one value: RE2 takes linear time,
// but 60 KiB of it are a fifth of a second in Wasm. What is longer opens nothing and
// is bound by every requirement.
const MaxRegexInput = 4096

// CompileAnchored compiles the bare text first: `a)|(?:b` is an error, not two
// expressions that are anchored at one end each.
func CompileAnchored(s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, errors.New("want a regular expression, have an empty string")
	}
	if _, err := regexp.Compile(s); err != nil {
		return nil, errors.New("want a regular expression (RE2): " + syntaxProblem(err))
	}
	expression, err := regexp.Compile(`\A(?:` + s + `)\z`)
	if err != nil {
		return nil, errors.New(`want a regular expression (RE2) that is whole in itself, each \Q with its \E: ` + syntaxProblem(err))
	}
	return expression, nil
}

// syntaxProblem leaves the expression out: one for a header may hold a secret.
func syntaxProblem(err error) string {
	if e, ok := err.(*re2.Error); ok {
		return e.Code.String()
	}
	return "cannot be compiled"
}
