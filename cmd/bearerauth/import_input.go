package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bearerauth/filter/source"
)

// jwtAuthn is the type of the message of Envoy's filter, and of what routes can add to it.
const (
	jwtAuthn         = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
	jwtAuthnPerRoute = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"
)

// filterIn returns the filter jwt_authn in the files, which can be whole configurations of
// Envoy. A file without one is returned as it is: it may be the message alone.
func filterIn(files []*source.File) ([]byte, error) {
	var found []*source.Value
	var places []string
	for _, f := range files {
		for _, document := range f.Documents {
			var routes []*source.Value
			before := len(found)
			collectFilters(document, &found, &routes)
			for _, v := range found[before:] {
				places = append(places, fmt.Sprintf("%s:%d", f.Name, v.At.Line))
			}
			if len(routes) > 0 {
				return nil, fmt.Errorf("%s:%d: routes have a configuration of jwt_authn of their own, which is not read: without it the result could allow more. Write a filter without typed_per_filter_config first", f.Name, routes[0].At.Line)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0].JSON(), nil
	case len(found) > 1:
		return nil, fmt.Errorf("want one filter jwt_authn, got those at %s: put each into a file of its own", strings.Join(places, ", "))
	case len(files) == 1 && len(files[0].Documents) == 1 && isMessage(files[0].Documents[0]):
		return files[0].Documents[0].JSON(), nil
	}
	return nil, fmt.Errorf("%s: want a filter jwt_authn (%s), found none", namesOf(files), jwtAuthn)
}

func namesOf(files []*source.File) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// isMessage reports whether a document may be the message of jwt_authn alone.
func isMessage(v *source.Value) bool {
	return slices.ContainsFunc([]string{"providers", "rules", "requirement_map", "requirementMap"}, func(name string) bool { return v.Get(name) != nil })
}

// collectFilters finds entries of http_filters, or messages with their type, and the
// configurations of routes.
func collectFilters(v *source.Value, filters, routes *[]*source.Value) {
	if v == nil {
		return
	}
	for _, name := range []string{"typed_config", "typedConfig"} {
		if strings.HasSuffix(v.Get(name, "@type").Str(), "/"+jwtAuthn) {
			*filters = append(*filters, v)
			return
		}
	}
	switch kind := v.Get("@type").Str(); {
	case strings.HasSuffix(kind, "/"+jwtAuthn):
		*filters = append(*filters, v)
		return
	case strings.HasSuffix(kind, "/"+jwtAuthnPerRoute):
		*routes = append(*routes, v)
		return
	}
	for _, m := range v.Members {
		collectFilters(m.Value, filters, routes)
	}
	for _, item := range v.List() {
		collectFilters(item, filters, routes)
	}
}

// resourcesIn returns a function that takes the resources of these kinds out of the files:
// others, such as Services and Deployments, say nothing about requests.
func resourcesIn(kinds ...string) func([]*source.File) ([]byte, error) {
	return func(files []*source.File) ([]byte, error) {
		var documents [][]byte
		var collect func(*source.Value)
		collect = func(v *source.Value) {
			switch kind := v.Get("kind").Str(); {
			case kind == "List":
				for _, item := range v.Get("items").List() {
					collect(item)
				}
			case slices.Contains(kinds, kind):
				documents = append(documents, v.JSON())
			}
		}
		for _, f := range files {
			for _, document := range f.Documents {
				collect(document)
			}
		}
		if len(documents) == 0 {
			return nil, fmt.Errorf("%s: want resources of the kinds %s, found none", namesOf(files), strings.Join(kinds, ", "))
		}
		return bytes.Join(documents, []byte("\n---\n")), nil
	}
}
