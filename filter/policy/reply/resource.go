package reply

import (
	"sort"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// wellKnownResource is inserted between the host and the path of a resource (RFC 9728
// section 3.1).
const wellKnownResource = "/.well-known/oauth-protected-resource"

// resource is one protected resource whose metadata the filter serves.
type resource struct {
	name     string
	host     request.HostPattern
	path     string // the path of the metadata
	metadata string // the URL of the metadata, for challenges
	replies  resourceReplies
}

// Resources are the protected resources of a configuration, sorted by name.
type Resources []*resource

// resourceReplies are built in advance. A request for metadata needs no credentials,
// so that an answer must be cheap.
type resourceReplies struct{ get, options, notAllowed *verdict.Reply }

// Metadata returns the answer to a request for the metadata of a protected resource,
// and nil for any other request. The path must be equal byte by byte: a path that
// only some servers read as that one is decided like any request.
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
		// Envoy answers a gRPC request with 200 and drops the body. A shared cache would
		// serve that empty 200 to all: send 405.
		return found.replies.notAllowed
	case r.Method == "GET", r.Method == "HEAD":
		return found.replies.get
	case r.Method == "OPTIONS":
		return found.replies.options
	}
	return found.replies.notAllowed
}

// IsMetadataPath reports whether a path, without its query, can be that of metadata.
func IsMetadataPath(path string) bool { return strings.HasPrefix(path, wellKnownResource) }

// at returns the resource whose metadata is at path. It compares the host only where
// two resources have the same path: a gateway before this one may have replaced the
// host.
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

// metadataURL returns the metadata that challenges name by default: that of the only
// resource.
func (rs Resources) metadataURL() string {
	if len(rs) == 1 {
		return rs[0].metadata
	}
	return ""
}

// ReadResources reads protected_resources. metadata is the URL that challenges name
// by default, or "".
func ReadResources(o *config.Object) (rs Resources, metadata string) {
	if found := o.Object("protected_resources"); found != nil {
		rs.read(found)
	} else if o.Has("protected_resources") {
		rs = Resources{} // with a problem, so that the names are unknown
	}
	return rs, rs.ReadMetadataURL(o, rs.metadataURL())
}

func (rs *Resources) read(o *config.Object) {
	if len(o.Members) == 0 {
		o.Problems.Add(o.Path, "want at least one protected resource, got an empty object")
	}
	// The wire format of a Struct does not keep the order of members, so it must not
	// matter.
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
					r.Wrong("resource", "want another host and path: the metadata of protected_resources."+other.name+" is at this one")
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
	// A slash that only ends the host is not part of the path (RFC 9728 section 3.1).
	m.path = wellKnownResource
	if path != "/" {
		m.path += path
	}
	m.metadata = id[:len(id)-len(path)] + m.path
	m.replies = newResourceReplies(document)
}

// ReadMetadataURL reads the resource_metadata of challenges, at the top or in a rule:
// a URL, or the name of one of the resources.
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
	if rs != nil && len(rs) == 0 {
		return ""
	}
	var names []string
	for _, m := range rs {
		if m.name == name {
			return ""
		}
		names = append(names, m.name)
	}
	return "want one of the protected resources, got " + config.Quote(name) + config.DidYouMean(name, names)
}

func newResourceReplies(document []byte) resourceReplies {
	const methods = "GET, HEAD, OPTIONS"
	// The metadata is public: scripts of any origin may read it.
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
			// The asterisk does not include Authorization (Fetch section 3.3.4).
			{"access-control-allow-headers", "*, authorization"},
			{"access-control-max-age", "300"},
		}},
		notAllowed: &verdict.Reply{Reason: verdict.ReasonMetadata, Status: 405, Headers: [][2]string{
			{"allow", methods}, {"cache-control", "no-store"}, anyOrigin,
		}},
	}
}
