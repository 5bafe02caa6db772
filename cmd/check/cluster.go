package check

import (
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/source"
)

// call is an outbound call that the configuration makes.
type call struct {
	path, cluster string // of the member, and its value
	uri, what     string // what is fetched
}

// clusters compares the clusters of the configuration with those of Envoy in the same
// file.
func (l *list) clusters() {
	for _, c := range l.calls() {
		if l.config.Clusters == nil || c.cluster == "" {
			continue
		}
		var names []string
		var found *source.Cluster
		for i := range l.config.Clusters {
			names = append(names, l.config.Clusters[i].Name)
			if names[i] == c.cluster {
				found = &l.config.Clusters[i]
			}
		}
		if found == nil {
			hint := suggestion(c.cluster, names)
			if hint == "" && len(names) > 0 {
				hint = " (it has " + strings.Join(names, ", ") + ")"
			}
			l.problem(c.path, "this file has no cluster "+config.Quote(c.cluster)+hint+": without it "+c.what+" cannot be fetched, and requests get 503")
			continue
		}
		if found.Local || !strings.HasPrefix(c.uri, "https:") {
			continue
		}
		switch {
		case !found.TLS:
			l.warn(c.path, "cluster-without-tls", "the cluster "+config.Quote(c.cluster)+" has no TLS transport_socket: a server in between can answer with forged "+c.what)
		case !found.Verifies:
			l.warn(c.path, "cluster-without-tls", "the cluster "+config.Quote(c.cluster)+" has no validation_context: Envoy accepts "+c.what+" from any server that answers")
		}
	}
}

// calls are all outbound calls of the configuration.
func (l *list) calls() (calls []call) {
	root := l.config.Root
	add := func(v *source.Value, path, uri, what string) {
		if cluster := v.Get("cluster").Str(); cluster != "" {
			calls = append(calls, call{config.JoinPath(path, "cluster"), cluster, uri, what})
		}
		for _, m := range membersOf(v.Get("jwks_clusters")) {
			at := config.JoinPath(config.JoinPath(path, "jwks_clusters"), m.Name)
			calls = append(calls, call{at, m.Value.Str(), uri, what})
		}
	}
	for _, m := range membersOf(root.Get("providers")) {
		path := config.JoinPath("providers", m.Name)
		add(m.Value, path, uriOf(m.Value), whatOf(m.Value))
		if signed := m.Value.Get("signed_response"); signed != nil {
			add(signed, config.JoinPath(path, "signed_response"), uriOf(signed), "keys")
		}
	}
	add(root.Get("revocations"), "revocations", root.Get("revocations", "uri").Str(), "revocations")
	return calls
}

func uriOf(provider *source.Value) string {
	for _, name := range []string{"jwks_uri", "introspection_uri", "issuer"} {
		if uri := provider.Get(name).Str(); uri != "" {
			return uri
		}
	}
	return ""
}

func whatOf(provider *source.Value) string {
	if provider.Get("type").Str() == "introspection" {
		return "answers about tokens"
	}
	return "keys"
}

func membersOf(v *source.Value) []source.Member {
	if v == nil {
		return nil
	}
	return v.Members
}

// suggestion returns the name that was probably meant, as a question, or "".
func suggestion(got string, names []string) string {
	best, least := "", len(got)/3+2
	for _, name := range names {
		if d := distance(got, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + config.Quote(best) + "?)"
}

// distance is the number of bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
