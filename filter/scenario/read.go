package scenario

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/verdict"
	"bearerauth/filter/source"
)

// reader reads one story.
type reader struct {
	story    *Story
	file     *source.File
	document *source.Config
	problems *config.Problems
	root     *config.Node // of the configuration
	tokens   map[string]string
	keys     keys
	servers  map[string]*server // by provider
}

func (r *reader) read(o *config.Object) {
	s := r.story
	s.About = o.Text("about", "")
	s.Now = time.Now()
	if now := o.Time("now"); o.Has("now") {
		s.Now, s.Fixed = now, true
	}
	s.environment = r.texts(o.Object("environment"))
	r.readConfig(o)
	r.readIgnored(o)
	// The tokens make the keys that the servers publish.
	r.readKeys(o)
	r.readTokens(o)
	r.readServers(o)
	for _, item := range o.Array("requests") {
		if request := config.AsObject(item, r.problems); request != nil {
			r.readRequest(request)
		}
	}
	if !o.Has("requests") {
		o.Wrong("requests", "want at least one request")
	}
	o.Done()
	if r.root != nil {
		s.Config = r.root.AppendJSON(nil)
	}
}

// readConfig reads the configuration: an object, or the path of a file that has it.
func (r *reader) readConfig(o *config.Object) {
	n := o.Get("config")
	var text []byte
	switch {
	case n == nil:
		o.Wrong("config", "want the configuration, or the path of a file with it")
		return
	case n.Kind == '{':
		r.story.Prefix = n.Path
		r.story.Source = r.document
		text = n.AppendJSON(nil)
	case n.Kind == '"':
		found := r.openConfig(o, n)
		if found == nil {
			return
		}
		r.story.Source = found
		text = found.Text
	default:
		o.Wrong("config", "want an object, or the path of a file, got "+config.KindName(n.Kind))
		return
	}
	// The core reports what is wrong in it.
	r.root = config.ReadDocument(text, &config.Problems{})
	if r.root == nil {
		o.Wrong("config", "want a configuration in JSON: bearerauth check says what is wrong with it")
	}
}

// openConfig reads the only configuration of a file. Of several in one file, it takes the
// one that the text behind # names.
func (r *reader) openConfig(o *config.Object, n *config.Node) *source.Config {
	path, which, _ := strings.Cut(n.Text, "#")
	file, err := source.Read(filepath.Join(filepath.Dir(r.file.Name), filepath.FromSlash(path)))
	if err != nil {
		o.Wrong("config", err.Error())
		return nil
	}
	var fitting []*source.Config
	var names []string
	for _, c := range file.Configs {
		names = append(names, c.Where)
		if which == "" || strings.Contains(c.Where, which) {
			fitting = append(fitting, c)
		}
	}
	switch {
	case len(file.Configs) == 0:
		o.Wrong("config", source.ErrNoConfig.Error())
	case len(fitting) != 1:
		o.Wrong("config", "want one configuration; the file has "+strings.Join(names, ", ")+": name it behind #, as in "+path+"#"+lastWord(names[0]))
	case fitting[0].Err != nil:
		o.Wrong("config", fitting[0].Err.Message)
	default:
		return fitting[0]
	}
	return nil
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

func (r *reader) readIgnored(o *config.Object) {
	for _, item := range o.Array("ignore") {
		i := config.AsObject(item, r.problems)
		if i == nil {
			continue
		}
		ignored := Ignored{i.Text("warning", ""), i.Text("path", ""), i.Text("reason", "")}
		for _, name := range []string{"warning", "reason"} {
			if !i.Has(name) {
				i.Wrong(name, "want the name of a warning of bearerauth check, and the reason why it may be ignored")
			}
		}
		i.Done()
		r.story.Ignored = append(r.story.Ignored, ignored)
	}
}

func (r *reader) readRequest(o *config.Object) {
	q := Request{At: r.document.Position(o.Path)}
	q.Method = o.Text("method", "GET")
	q.Authority = r.fill(o.Text("authority", "test.example"))
	q.Path = r.fill(o.Text("path", "/"))
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
		pairs = append(pairs, [2]string{strings.ToLower(name), r.fill(value.Text)})
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
	o := config.AsObject(n, r.problems)
	if o == nil {
		return
	}
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
			text := r.fill(m.Value.Text)
			wanted[m.Name] = &text
		default:
			r.problems.Add(m.Value.Path, "want a string, or null for no such header, got "+config.KindName(m.Value.Kind))
		}
	}
	return wanted
}

// texts reads an object with strings only.
func (r *reader) texts(o *config.Object) map[string]string {
	if o == nil {
		return nil
	}
	all := map[string]string{}
	for _, m := range o.Members {
		all[m.Name] = config.CheckedString(m.Value, r.problems, "", func(string) string { return "" })
	}
	return all
}

// duration reads "10m" or "-3m30s".
func (r *reader) duration(o *config.Object, name string, byDefault time.Duration) time.Duration {
	d := byDefault
	o.Checked(name, "", func(s string) string {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			return `want a duration such as "10m" or "-3m30s", got ` + config.Quote(s)
		}
		return ""
	})
	return d
}

// fill puts the tokens of the story in the place of ${name}.
func (r *reader) fill(s string) string {
	if !strings.Contains(s, "${") {
		return s
	}
	for name, text := range r.tokens {
		s = strings.ReplaceAll(s, "${"+name+"}", text)
	}
	return s
}
