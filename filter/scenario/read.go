package scenario

import (
	"path/filepath"
	"strings"
	"time"

	"bearerauth/filter/policy/config"
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
