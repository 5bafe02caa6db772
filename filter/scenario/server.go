package scenario

import (
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/testkey"
)

// servers are what the issuers of a story answer.
type servers struct {
	needed    bool                // some token or server of the story is about them
	endpoints map[string]endpoint // by authority and path
}

// server is what one provider's server answers, or that of revocations.
type server struct {
	unreachable bool
	status      int    // other than 200
	body        string // a JWK Set, or a list of revocations
	tokens      map[string]testkey.Members
}

// known are the tokens that the server describes.
func (s *server) known() map[string]testkey.Members {
	if s.tokens == nil {
		s.tokens = map[string]testkey.Members{}
	}
	return s.tokens
}

type endpoint struct {
	server   *server
	metadata string // what discovery reads; "" for any other endpoint
}

// Answer is what a server answers to a request; without OK there is no answer.
type Answer struct {
	OK      bool
	Status  int
	Headers [][2]string // without :status
	Body    string
}

// Answer returns the answer to an outbound request of the filter.
func (s *Story) Answer(authority, path, body string) Answer {
	e, ok := s.servers.endpoints[authority+path]
	if !ok || e.server.unreachable {
		return Answer{}
	}
	answer := Answer{OK: true, Status: 200, Headers: [][2]string{{"content-type", "application/json"}}, Body: e.server.body}
	switch {
	case e.server.status != 0:
		answer.Status, answer.Body = e.server.status, ""
	case e.metadata != "":
		answer.Body = e.metadata
	case e.server.tokens != nil:
		form, _ := url.ParseQuery(body)
		claims, known := e.server.tokens[form.Get("token")]
		if !known {
			claims = testkey.Members{"active": false}
		}
		text, err := json.Marshal(claims)
		if err != nil {
			return Answer{}
		}
		answer.Body = string(text)
	}
	return answer
}

// readServers reads what the servers answer, and finds their addresses in the
// configuration.
func (r *reader) readServers(o *config.Object) {
	r.story.servers.endpoints = map[string]endpoint{}
	given := o.Object("servers")
	if given != nil {
		r.story.servers.needed = true
		for _, m := range given.Members {
			if member(r.root, "providers", m.Name) == nil {
				r.problems.Add(m.Value.Path, "want one of the configuration's providers as the member's name")
			}
		}
	}
	providers := member(r.root, "providers")
	if providers == nil {
		return
	}
	for _, m := range providers.Members {
		s := r.server(m.Name)
		if given != nil {
			if own := given.Object(m.Name); own != nil {
				r.readServer(own, m.Value, s)
			}
		}
		switch text(member(m.Value, "type")) {
		case "jwt":
			if s.body == "" {
				s.body = testkey.Set(r.keys.providers[m.Name]...)
			}
			r.publish(m.Value, m.Name, text(member(m.Value, "issuer")), s)
		case "introspection":
			s.known()
			r.endpoint(text(member(m.Value, "introspection_uri")), endpoint{server: s})
		}
	}
	own := o.Object("revocations")
	n := member(r.root, "revocations", "uri")
	if own != nil && n == nil {
		o.Wrong("revocations", "want a configuration that fetches revocations: it has no revocations.uri")
	}
	if n != nil {
		r.story.servers.needed = r.story.servers.needed || own != nil
		s := &server{body: `{"revoked": []}`}
		if own != nil {
			r.readServer(own, nil, s)
		}
		r.endpoint(n.Text, endpoint{server: s})
	}
	if given != nil {
		given.Known = append(given.Known, memberNames(providers)...)
	}
}

func memberNames(n *config.Node) (names []string) {
	for _, m := range n.Members {
		names = append(names, m.Name)
	}
	return names
}

// server returns the server of a provider. The tokens may have made it already.
func (r *reader) server(provider string) *server {
	s, ok := r.servers[provider]
	if !ok {
		s = &server{}
		r.servers[provider] = s
	}
	return s
}

// publish makes the server of a provider answer with its keys.
func (r *reader) publish(provider *config.Node, name, issuer string, s *server) {
	if uri := text(member(provider, "jwks_uri")); uri != "" {
		r.endpoint(uri, endpoint{server: s})
		return
	}
	if member(provider, "discovery") == nil {
		return
	}
	address, err := url.Parse(issuer)
	if err != nil {
		return // the core says so
	}
	keys := url.URL{Scheme: address.Scheme, Host: address.Host, Path: "/bearerauth-test/" + name}
	metadata, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": keys.String()})
	if err != nil {
		return
	}
	r.endpoint(strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", endpoint{s, string(metadata)})
	r.endpoint(keys.String(), endpoint{server: s})
}

func (r *reader) endpoint(uri string, e endpoint) {
	address, why := config.ParseURI(uri)
	if why != "" {
		return // the core says so
	}
	r.story.servers.endpoints[address.Authority+address.Path] = e
}

// readServer reads what one server answers.
func (r *reader) readServer(o *config.Object, provider *config.Node, s *server) {
	s.unreachable = o.Boolean("unreachable", false)
	s.status = o.Integer("status", 0, 100, 599)
	if s.status == 200 {
		s.status = 0
	}
	var list []*testkey.Key
	for _, key := range o.Strings("keys", func(string) string { return "" }) {
		if r.keys.named[key] == nil {
			o.Wrong("keys", "want names of keys, got "+config.Quote(key))
			continue
		}
		list = append(list, r.keys.named[key])
	}
	if o.Has("keys") {
		if provider != nil && !isFetched(provider) {
			r.replaceKeys(provider, list)
		}
		s.body = testkey.Set(list...)
	}
	for _, name := range []string{"jwks", "body"} {
		if n := o.Get(name); n != nil {
			s.body = n.Text
			if n.Kind != '"' {
				s.body = string(n.AppendJSON(nil))
			}
		}
	}
	if n := o.Get("entries"); n != nil {
		s.body = `{"revoked":` + string(n.AppendJSON(nil)) + `}`
	}
	if answers := o.Object("tokens"); answers != nil {
		s.known()
		for _, m := range answers.Members {
			token, ok := r.tokens[m.Name]
			if !ok {
				token = m.Name
			}
			s.tokens[token] = r.values(answers, m.Name)
		}
	}
	o.Done()
}

// answerFor makes the server of a provider know a token.
func (r *reader) answerFor(o *config.Object, provider string, node *config.Node, token string) {
	usual := testkey.Members{"active": true, "sub": "test"}
	if audiences := strs(member(node, "audiences")); len(audiences) > 0 {
		usual["aud"] = audiences[0]
	}
	if issuers := strs(member(node, "issuers")); len(issuers) > 0 {
		usual["iss"] = issuers[0]
	}
	r.story.servers.needed = true
	claims := r.claims(o, usual)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	r.server(provider).known()[token] = claims
}

// String shows an answer in a message.
func (a Answer) String() string {
	if !a.OK {
		return "no answer"
	}
	return strconv.Itoa(a.Status)
}
