package policy

import (
	"strings"

	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

func applyTo(pairs [][2]string, a *verdict.Allow) [][2]string {
	var after [][2]string
	for _, pair := range pairs {
		if !syntax.Contains(a.Remove, pair[0]) {
			after = append(after, pair)
		}
	}
	return append(after, a.Set...)
}

func header(pairs [][2]string, name string) string {
	var values []string
	for _, pair := range pairs {
		if pair[0] == name {
			values = append(values, pair[1])
		}
	}
	return strings.Join(values, " | ")
}
