package trial

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"bearerauth/filter/policy"
	"bearerauth/filter/scenario"
)

// differences compares an outcome with what was expected.
func differences(want *scenario.Expect, got *Outcome) (list []Difference) {
	differ := func(what, want, got string) { list = append(list, Difference{what, want, got}) }
	if want.Status != got.Status {
		differ("status", strconv.Itoa(want.Status), strconv.Itoa(got.Status))
	}
	if want.Reason != "" && want.Reason != got.Reason.String() {
		differ("reason", want.Reason, got.Reason.String())
	}
	if want.Answered != got.Answered && len(list) == 0 && (want.Answered || want.Reason != "") {
		differ("answered", strconv.FormatBool(want.Answered), strconv.FormatBool(got.Answered))
	}
	if len(list) > 0 && (want.Status == 200) != got.Passes {
		return append(list, rules(want, got)...) // the rest would only repeat that
	}
	if want.Challenge != nil {
		if is := strings.Join(scenario.Values(got.Headers, "www-authenticate"), " | "); is != *want.Challenge {
			differ("challenge", quoted(*want.Challenge), quoted(is))
		}
	}
	if want.Body != nil && *want.Body != got.Body {
		differ("body", quoted(*want.Body), quoted(got.Body))
	}
	list = append(list, headers("header", want.Headers, got.Headers)...)
	list = append(list, headers("upstream", want.Upstream, got.Upstream)...)
	list = append(list, states(want, got)...)
	if want.Waits != nil && *want.Waits != got.Waited {
		differ("waits", strconv.FormatBool(*want.Waits), strconv.FormatBool(got.Waited))
	}
	return append(list, rules(want, got)...)
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return strconv.Quote(s)
}

func headers(what string, wanted map[string]*string, pairs [][2]string) (list []Difference) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		want, got := "none", "none"
		if wanted[name] != nil {
			want = strconv.Quote(*wanted[name])
		}
		if values := scenario.Values(pairs, name); len(values) > 0 {
			for i := range values {
				values[i] = strconv.Quote(values[i])
			}
			got = strings.Join(values, " and ")
		}
		if want != got {
			list = append(list, Difference{what + " " + name, want, got})
		}
	}
	return list
}

func states(want *scenario.Expect, got *Outcome) (list []Difference) {
	wanted := maps.Clone(want.State)
	if want.Subject != nil {
		if wanted == nil {
			wanted = map[string]string{}
		}
		wanted["sub"] = *want.Subject
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if is := strings.Join(scenario.Values(got.State, "bearerauth."+name), " | "); is != wanted[name] {
			list = append(list, Difference{"filter state " + name, quoted(wanted[name]), quoted(is)})
		}
	}
	return list
}

func rules(want *scenario.Expect, got *Outcome) []Difference {
	if want.Rule == "" {
		return nil
	}
	var labels []string
	for _, rule := range got.Rules {
		if want.Rule == rule.Path || want.Rule == rule.Name {
			return nil
		}
		labels = append(labels, Label(rule))
	}
	if len(labels) == 0 {
		labels = []string{"none"}
	}
	return []Difference{{"rule", want.Rule, strings.Join(labels, ", ")}}
}

// Label is how messages call a rule: by its path, with its name behind it.
func Label(rule policy.RuleName) string {
	if rule.Name == "" {
		return rule.Path
	}
	return rule.Path + " (" + rule.Name + ")"
}
