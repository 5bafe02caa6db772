package config

import (
	"errors"
	"regexp"
	re2 "regexp/syntax"
)

// MaxRegexInput is the longest value that an expression is run on, in bytes. RE2
// takes linear time, but for 60 KiB that is a fifth of a second in Wasm. A longer
// value opens nothing, and every requirement binds it.
const MaxRegexInput = 4096

// CompileAnchored compiles an RE2 expression that must match a whole value. It
// compiles the bare text first: `a)|(?:b` is an error, and not two expressions that
// are each anchored at one end.
func CompileAnchored(s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, errors.New("want a regular expression, got an empty string")
	}
	if _, err := regexp.Compile(s); err != nil {
		return nil, errors.New("want a regular expression (RE2): " + syntaxProblem(err))
	}
	expression, err := regexp.Compile(`\A(?:` + s + `)\z`)
	if err != nil {
		return nil, errors.New(`want a regular expression (RE2) that is complete, each \Q with its \E: ` + syntaxProblem(err))
	}
	return expression, nil
}

// syntaxProblem omits the expression: a condition on a header may hold a secret.
func syntaxProblem(err error) string {
	if e, ok := err.(*re2.Error); ok {
		return e.Code.String()
	}
	return "cannot be compiled"
}
