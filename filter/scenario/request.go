package scenario

import (
	"regexp"
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
)

func (r *reader) readRequest(o *config.Object) {
	q := Request{At: r.document.Position(o.Path)}
	q.Method = o.Text("method", "GET")
	q.Authority = r.fill(config.JoinPath(o.Path, "authority"), o.Text("authority", "test.example"))
	q.Path = r.fill(config.JoinPath(o.Path, "path"), o.Text("path", "/"))
	q.After = r.duration(o, "after", 0)
	q.NotInEnvoy = o.Text("not_in_envoy", "")
	if route := o.Object("route"); route != nil {
		q.Properties = r.readRoute(route)
		q.NotInEnvoy = "the route is the story's"
	}
	if token := o.Text("token", ""); o.Has("token") {
		text, ok := r.tokens[token]
		if !ok {
			o.Wrong("token", "want one of tokens, got "+config.Quote(token))
		}
		q.Headers = append(q.Headers, [2]string{"authorization", "Bearer " + text})
	}
	q.Headers = append(q.Headers, r.readHeaders(o)...)
	q.Name = o.Text("name", "")
	if q.Name == "" {
		q.Name = q.Method + " " + o.Text("path", "/")
		if o.Has("token") {
			q.Name += " as " + o.Text("token", "")
		}
	}
	r.readExpect(o, &q.Expect)
	o.Done()
	r.story.Requests = append(r.story.Requests, q)
}

// readRoute reads the name and the metadata of the route that Envoy has chosen.
func (r *reader) readRoute(o *config.Object) map[string]string {
	properties := map[string]string{}
	if name := o.Text("name", ""); name != "" {
		properties["xds.route_name"] = name
	}
	var flatten func(path string, n *config.Node)
	flatten = func(path string, n *config.Node) {
		if n.Kind == '"' {
			properties[path] = n.Text
		}
		for _, m := range n.Members {
			flatten(path+"."+m.Name, m.Value)
		}
		for i, item := range n.Items {
			flatten(path+"."+strconv.Itoa(i), item)
		}
	}
	if metadata := o.Object("metadata"); metadata != nil {
		flatten("xds.route_metadata.filter_metadata", metadata.Node)
	}
	o.Done()
	return properties
}

// readHeaders reads {name: value or [values]}, or pairs where the order counts.
func (r *reader) readHeaders(o *config.Object) (pairs [][2]string) {
	n := o.Get("headers")
	if n == nil {
		return nil
	}
	add := func(name string, value *config.Node) {
		if value.Kind != '"' && value.Kind != '0' {
			r.problems.Add(value.Path, "want a string, got "+config.KindName(value.Kind))
		}
		pairs = append(pairs, [2]string{strings.ToLower(name), r.fill(value.Path, value.Text)})
	}
	switch n.Kind {
	case '{':
		for _, m := range n.Members {
			if m.Value.Kind == '[' {
				for _, value := range m.Value.Items {
					add(m.Name, value)
				}
				continue
			}
			add(m.Name, m.Value)
		}
	case '[':
		for _, pair := range n.Items {
			if len(pair.Items) != 2 {
				r.problems.Add(pair.Path, "want a pair of a name and a value")
				continue
			}
			add(pair.Items[0].Text, pair.Items[1])
		}
	default:
		r.problems.Add(n.Path, "want names and values, got "+config.KindName(n.Kind))
	}
	return pairs
}

// readExpect reads what must come of a request: a status, or an object.
func (r *reader) readExpect(request *config.Object, e *Expect) {
	n := request.Get("expect")
	if n == nil {
		request.Wrong("expect", "want the status, or an object with status and reason, as in {status: 401, reason: missing}")
		return
	}
	if n.Kind == '0' {
		whole := config.Object{Node: &config.Node{Path: request.Path, Members: []config.Member{{Name: "expect", Value: n}}}, Problems: r.problems}
		e.Status = whole.Integer("expect", 0, 100, 599)
		return
	}
	if n.Kind != '{' {
		r.problems.Add(n.Path, "want a status such as 401, or an object such as {status: 401, reason: missing}, got "+config.KindName(n.Kind))
		return
	}
	o := config.AsObject(n, r.problems)
	e.Status = o.Integer("status", 0, 100, 599)
	e.Reason = o.Checked("reason", "", wantReason)
	e.Challenge = optional(o, "challenge")
	e.Body = optional(o, "body")
	e.Answered = o.Boolean("answered", false)
	e.Headers = r.wantedHeaders(o, "headers")
	e.Upstream = r.wantedHeaders(o, "upstream")
	for _, name := range o.Strings("absent", func(string) string { return "" }) {
		if e.Upstream == nil {
			e.Upstream = map[string]*string{}
		}
		e.Upstream[name] = nil
	}
	e.Subject = optional(o, "subject")
	e.State = r.texts(o.Object("state"))
	if waits := o.Boolean("waits", false); o.Has("waits") {
		e.Waits = &waits
	}
	e.Rule = o.Text("rule", "")
	switch reason := reasonNamed(e.Reason); {
	case !o.Has("reason") && !o.Has("status"):
		o.Problems.Add(o.Path, "want a status or a reason")
	case o.Has("status") || e.Reason == "":
	case reason.Allows() || reason.Answers():
		e.Status = 200
	default:
		e.Status = int(verdict.Effects[reason].Status)
	}
	o.Done()
}

func reasonNamed(s string) (reason verdict.Reason) {
	for reason = range verdict.Reason(verdict.NumReasons) {
		if reason.String() == s {
			return reason
		}
	}
	return 0
}

func wantReason(s string) string {
	if reasonNamed(s).String() == s {
		return ""
	}
	return "want a reason of docs/troubleshooting.md, such as token_valid or missing, got " + config.Quote(s)
}

func optional(o *config.Object, name string) *string {
	text := o.Text(name, "")
	if !o.Has(name) {
		return nil
	}
	return &text
}

// wantedHeaders reads {name: value, or null for none of that name}.
func (r *reader) wantedHeaders(o *config.Object, name string) map[string]*string {
	h := o.Object(name)
	if h == nil {
		return nil
	}
	wanted := map[string]*string{}
	for _, m := range h.Members {
		switch m.Value.Kind {
		case 'n':
			wanted[m.Name] = nil
		case '"', '0':
			text := r.fill(m.Value.Path, m.Value.Text)
			wanted[m.Name] = &text
		default:
			r.problems.Add(m.Value.Path, "want a string, or null for no such header, got "+config.KindName(m.Value.Kind))
		}
	}
	return wanted
}

// reference is ${name}. Other texts in such braces, as those of attacks, are no names.
var reference = regexp.MustCompile(`\$\{([\w.-]+)\}`)

// fill puts the tokens of the story in the place of ${name}. A name that is none would be
// refused as a token, for a reason that the story does not mean.
func (r *reader) fill(path, s string) string {
	return reference.ReplaceAllStringFunc(s, func(found string) string {
		name := reference.FindStringSubmatch(found)[1]
		text, ok := r.tokens[name]
		if !ok {
			r.problems.Add(path, "want one of tokens in ${…}, got "+config.Quote(name))
		}
		return text
	})
}
