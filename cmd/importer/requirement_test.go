package importer

import (
	"fmt"
	"testing"
)

// brought is what a request has of each of three providers, which look for
// tokens in places of their own.
type brought map[string]byte // 0 nothing, 'g' a good token, 'b' a bad one

func allBrought() (list []brought) {
	states := []byte{0, 'g', 'b'}
	for _, a := range states {
		for _, b := range states {
			for _, c := range states {
				list = append(list, brought{"a": a, "b": b, "c": c})
			}
		}
	}
	return list
}

// native is whether Envoy lets the request through.
func (r requirement) native(has brought) bool {
	names := r.any
	if len(names) == 0 {
		names = []string{"a", "b", "c"}
	}
	good, bad := 0, 0
	for _, name := range names {
		if has[name] == 'g' {
			good++
		}
		if has[name] == 'b' {
			bad++
		}
	}
	switch r.access {
	case open:
		return true
	case optional:
		return bad == 0 || len(r.any) > 0 && good > 0
	case token:
		for _, name := range r.all {
			if has[name] != 'g' {
				return false
			}
		}
		return len(r.all) > 0 || good > 0
	}
	return false
}

// here reports whether a rule of ours with this requirement allows the request. The rule
// reads one token at the locations of its providers; an optional rule reads all locations.
func (r requirement) here(has brought) bool {
	names := r.any
	if len(names) == 0 || r.access == optional {
		names = []string{"a", "b", "c"}
	}
	found := ""
	for _, name := range names {
		if has[name] == 0 {
			continue
		}
		if found != "" && len(r.all) == 0 && r.access != open {
			return false
		}
		found = name
	}
	switch {
	case r.access == open:
		return true
	case r.access == denied:
		return false
	case len(r.all) > 0:
		return r.native(has)
	case found == "":
		return r.access == optional
	}
	return has[found] == 'g' && (len(r.any) == 0 || contains(r.any, found))
}

func requirementsToTry() []requirement {
	return []requirement{
		{},
		{access: token},
		{access: optional},
		{access: open},
		anyOf("a"), anyOf("b"), anyOf("a", "b"), anyOf("a", "b", "c"),
		{access: token, all: []string{"a", "b"}},
		{access: token, all: []string{"b", "c"}},
		{access: token, all: []string{"a", "b", "c"}},
		{access: optional, any: []string{"a"}},
		{access: optional, any: []string{"a", "b"}},
		{access: optional, any: []string{"b", "c"}},
	}
}

// TestNothingLooser: imported requirements allow no request that Envoy refuses.
func TestNothingLooser(t *testing.T) {
	t.Parallel()
	disjoint := func(a, b string) bool { return a != b }
	within, passed := 0, 0
	for _, r := range requirementsToTry() {
		for _, s := range requirementsToTry() {
			list := []requirement{r, s}
			any, _ := either(list)
			all, _ := both(list, disjoint)
			if r.within(s) {
				within++
			}
			for _, has := range allBrought() {
				what := fmt.Sprintf("%v, %v: a request with %v", r, s, has)
				if r.within(s) && r.here(has) && !s.native(has) {
					t.Errorf("within: %s", what)
				}
				if any.here(has) && !r.native(has) && !s.native(has) {
					t.Errorf("either, %v: %s", any, what)
				}
				if all.here(has) && (!r.native(has) || !s.native(has)) {
					t.Errorf("both, %v: %s", all, what)
				}
				if any.here(has) || all.here(has) {
					passed++
				}
			}
		}
	}
	if within < 60 || passed < 1000 {
		t.Errorf("%d of them within another, %d requests passed: this shows little", within, passed)
	}
}
