package reply

import (
	"sort"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// WellKnownResource goes between a resource's host and its path (RFC 9728
// section 3.1).
const WellKnownResource = "/.well-known/oauth-protected-resource"

// resource is one protected resource, whose metadata the filter serves.
type resource struct {
	name     string
	host     request.HostPattern
	path     string // of the metadata
	metadata string // the URL of the metadata, for challenges
	replies  resourceReplies
}

// Resources are those of a configuration, by name.
type Resources []*resource

// resourceReplies are ready: whoever asks for metadata needs no credentials, so
// an answer must cost nothing.
type resourceReplies struct{ get, options, notAllowed *verdict.Reply }

// Metadata answers a request for the metadata of a protected resource, nil for
// any other. The path has to be that one octet by octet: what only some would
// read as such is judged like any request.
func (rs Resources) Metadata(r *request.Request) *verdict.Reply {
	if len(rs) == 0 || !r.HasPath {
		return nil
	}
	path, _, _ := strings.Cut(r.Path, "?")
	if !IsMetadataPath(path) {
		return nil
	}
	found := rs.at(path, r.Authority)
	if found == nil {
		return nil
	}
	switch {
	case request.IsGRPC(r):
		// To whatever calls itself gRPC, a GET too, Envoy sends 200 without the body:
		// a shared cache that kept that would have no metadata for anybody.
		return found.replies.notAllowed
	case r.Method == "GET", r.Method == "HEAD":
		return found.replies.get
	case r.Method == "OPTIONS":
		return found.replies.options
	}
	return found.replies.notAllowed
}

func IsMetadataPath(path string) bool { return strings.HasPrefix(path, WellKnownResource) }

// at finds the resource whose metadata is at path. The host counts only
// where it is needed: a gateway before this one may have replaced it.
func (rs Resources) at(path, authority string) *resource {
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
	host, ok := request.UnambiguousHost(authority)
	for _, m := range rs {
		if ok && m.path == path && m.host.Match(host) {
			return m
		}
	}
	return nil
}

// metadataURL is the metadata that challenges point to where nothing else is
// said: that of the only resource.
func (rs Resources) metadataURL() string {
	if len(rs) == 1 {
		return rs[0].metadata
	}
	return ""
}

// ReadResources reads protected_resources, and what of them challenges name.
func ReadResources(o *config.Object) (rs Resources, metadata string) {
	if found := o.Object("protected_resources"); found != nil {
		rs.read(found)
	}
	return rs, rs.ReadMetadataURL(o, rs.metadataURL())
}

func (rs *Resources) read(o *config.Object) {
	if len(o.Members) == 0 {
		o.Problems.Add(o.Path, "want at least one protected resource, got an empty object")
	}
	// A Struct has lost the order of its members, so it may not count.
	members := append([]config.Member(nil), o.Members...)
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	for _, m := range members {
		if want := config.WantName(m.Name); want != "" {
			o.Problems.Add(m.Value.Path, want)
		}
		resource := &resource{name: m.Name}
		if r := config.AsObject(m.Value, o.Problems); r != nil {
			resource.read(r)
			for _, other := range *rs {
				if other.path == resource.path && other.host == resource.host && resource.path != "" {
					r.Wrong("resource", "want metadata at a host and path of its own: protected_resources."+other.name+" has the same")
				}
			}
		}
		*rs = append(*rs, resource)
	}
}

func (m *resource) read(o *config.Object) {
	document, id := readResourceDocument(o)
	if !o.Has("resource") {
		o.Wrong("resource", "want the resource's identifier, as in https://api.example/mcp")
	}
	o.Done()
	if id == "" {
		return
	}
	host, path, _ := splitURL(id)
	m.host, _ = request.ParseHost(host)
	// A slash that ends the host is not part of the path (RFC 9728 section 3.1).
	m.path = WellKnownResource
	if path != "/" {
		m.path += path
	}
	m.metadata = id[:len(id)-len(path)] + m.path
	m.replies = newResourceReplies(document)
}

// ReadMetadataURL reads what resource_metadata of a challenge is, at the top or
// in a rule: an address, or that of one of the resources.
func (rs Resources) ReadMetadataURL(o *config.Object, byDefault string) string {
	url := o.Checked("resource_metadata", "", wantMetadataURL)
	name := o.Checked("protected_resource", "", rs.wantName)
	switch {
	case o.Has("resource_metadata") && o.Has("protected_resource"):
		o.Wrong("protected_resource", "want only one of resource_metadata, protected_resource")
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

func (rs Resources) wantName(name string) string {
	for _, m := range rs {
		if m.name == name {
			return ""
		}
	}
	return "want one of the protected resources, got " + config.Quote(name)
}

func newResourceReplies(document []byte) resourceReplies {
	const methods = "GET, HEAD, OPTIONS"
	// Everybody may read it, scripts of any page among them.
	anyOrigin := [2]string{"access-control-allow-origin", "*"}
	return resourceReplies{
		get: &verdict.Reply{Reason: verdict.ReasonMetadata, Status: 200, Body: document, Headers: [][2]string{
			{"content-type", "application/json"}, {"cache-control", "public, max-age=300"}, anyOrigin,
		}},
		options: &verdict.Reply{Reason: verdict.ReasonMetadata, Status: 204, Headers: [][2]string{
			{"allow", methods},
			{"cache-control", "no-store"},
			anyOrigin,
			{"access-control-allow-methods", methods},
			// The asterisk does not stand for Authorization (Fetch section 3.3.4).
			{"access-control-allow-headers", "*, authorization"},
			{"access-control-max-age", "300"},
		}},
		notAllowed: &verdict.Reply{Reason: verdict.ReasonMetadata, Status: 405, Headers: [][2]string{
			{"allow", methods}, {"cache-control", "no-store"}, anyOrigin,
		}},
	}
}
