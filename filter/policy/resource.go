package policy

import (
	"sort"
	"strings"
)

// wellKnownResource goes between a resource's host and its path (RFC 9728
// section 3.1).
const wellKnownResource = "/.well-known/oauth-protected-resource"

// resource is one protected resource, whose metadata the filter serves.
type resource struct {
	name     string
	host     hostPattern
	path     string // of the metadata
	metadata string // the URL of the metadata, for challenges
	replies  resourceReplies
}

// resources are those of a configuration, by name.
type resources []*resource

// resourceReplies are ready: whoever asks for metadata needs no credentials, so
// an answer must cost nothing.
type resourceReplies struct{ get, options, other *Reply }

// metadata answers a request for the metadata of a protected resource, nil for
// any other. The path has to be that one octet by octet: what only some would
// read as such is judged like any request.
func (rs resources) metadata(r *Request) *Reply {
	if len(rs) == 0 || !r.HasPath {
		return nil
	}
	path, _, _ := strings.Cut(r.Path, "?")
	if !isMetadataPath(path) {
		return nil
	}
	found := rs.at(path, r.Authority)
	if found == nil {
		return nil
	}
	switch {
	case isGRPC(r):
		// To whatever calls itself gRPC, a GET too, Envoy sends 200 without the body:
		// a shared cache that kept that would have no metadata for anybody.
		return found.replies.other
	case r.Method == "GET", r.Method == "HEAD":
		return found.replies.get
	case r.Method == "OPTIONS":
		return found.replies.options
	}
	return found.replies.other
}

func isMetadataPath(path string) bool { return strings.HasPrefix(path, wellKnownResource) }

// at finds the resource whose metadata is at path. The host counts only
// where it is needed: a gateway before this one may have replaced it.
func (rs resources) at(path, authority string) *resource {
	var found *resource
	n := 0
	for _, m := range rs {
		if m.path == path {
			found = m
			n++
		}
	}
	if n < 2 {
		return found
	}
	host, ok := plainHost(authority)
	for _, m := range rs {
		if ok && m.path == path && m.host.match(host) {
			return m
		}
	}
	return nil
}

// metadataURL is the metadata that challenges point to where nothing else is
// said: that of the only resource.
func (rs resources) metadataURL() string {
	if len(rs) == 1 {
		return rs[0].metadata
	}
	return ""
}

// readResources reads protected_resources, and what of them challenges name.
func readResources(o *object) (rs resources, metadata string) {
	if found := o.object("protected_resources"); found != nil {
		rs.read(found)
	}
	return rs, rs.readMetadataURL(o, rs.metadataURL())
}

func (rs *resources) read(o *object) {
	if len(o.members) == 0 {
		o.problems.add(o.path, "want at least one protected resource, got an empty object")
	}
	// A Struct has lost the order of its members, so it may not count.
	members := append([]member(nil), o.members...)
	sort.Slice(members, func(i, j int) bool { return members[i].name < members[j].name })
	for _, m := range members {
		if want := wantName(m.name); want != "" {
			o.problems.add(m.value.path, want)
		}
		resource := &resource{name: m.name}
		if r := asObject(m.value, o.problems); r != nil {
			resource.read(r)
			for _, other := range *rs {
				if other.path == resource.path && other.host == resource.host && resource.path != "" {
					r.wrong("resource", "want metadata at a host and path of its own: protected_resources."+other.name+" has the same")
				}
			}
		}
		*rs = append(*rs, resource)
	}
}

func (m *resource) read(o *object) {
	document, id := readResourceDocument(o)
	if !o.has("resource") {
		o.wrong("resource", "want the resource's identifier, as in https://api.example/mcp")
	}
	o.done()
	if id == "" {
		return
	}
	host, path, _ := splitURL(id)
	m.host, _ = parseHost(host)
	// A slash that ends the host is not part of the path (RFC 9728 section 3.1).
	m.path = wellKnownResource
	if path != "/" {
		m.path += path
	}
	m.metadata = id[:len(id)-len(path)] + m.path
	m.replies = newResourceReplies(document)
}

// readMetadataURL reads what resource_metadata of a challenge is, at the top or
// in a rule: an address, or that of one of the resources.
func (rs resources) readMetadataURL(o *object, byDefault string) string {
	url := o.checked("resource_metadata", "", wantMetadataURL)
	name := o.checked("protected_resource", "", rs.wantName)
	switch {
	case o.has("resource_metadata") && o.has("protected_resource"):
		o.wrong("protected_resource", "want only one of resource_metadata, protected_resource")
	case url != "":
		return url
	}
	for _, m := range rs {
		if m.name == name {
			return m.metadata
		}
	}
	return byDefault
}

func (rs resources) wantName(name string) string {
	for _, m := range rs {
		if m.name == name {
			return ""
		}
	}
	return "want one of the protected resources, got " + quote(name)
}

func newResourceReplies(document []byte) resourceReplies {
	const methods = "GET, HEAD, OPTIONS"
	// Everybody may read it, scripts of any page among them.
	anyOrigin := [2]string{"access-control-allow-origin", "*"}
	return resourceReplies{
		get: &Reply{Reason: ReasonMetadata, Status: 200, Body: document, Headers: [][2]string{
			{"content-type", "application/json"}, {"cache-control", "public, max-age=300"}, anyOrigin,
		}},
		options: &Reply{Reason: ReasonMetadata, Status: 204, Headers: [][2]string{
			{"allow", methods},
			{"cache-control", "no-store"},
			anyOrigin,
			{"access-control-allow-methods", methods},
			// The asterisk does not stand for Authorization (Fetch section 3.3.4).
			{"access-control-allow-headers", "*, authorization"},
			{"access-control-max-age", "300"},
		}},
		other: &Reply{Reason: ReasonMetadata, Status: 405, Headers: [][2]string{
			{"allow", methods}, {"cache-control", "no-store"}, anyOrigin,
		}},
	}
}
