package preset

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/url"
	"strings"
	"text/template"

	"bearerauth/filter/source"
)

//go:embed templates
var templates embed.FS

// File is a file to write.
type File struct{ Name, Text string }

// Files returns the manifest and the policy test.
func (o *Options) Files() ([]File, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := o.data()
	config, err := render("config.yaml", d)
	if err != nil {
		return nil, err
	}
	d.Config = config
	if d.JSON, err = toJSON(config); err != nil {
		return nil, err
	}
	manifest, err := render(o.Host+".yaml", d)
	if err != nil {
		return nil, err
	}
	d.Manifest = manifestNames[o.Host]
	test, err := render("test.yaml", d)
	if err != nil {
		return nil, err
	}
	return []File{{d.Manifest, manifest}, {"bearerauth_test.yaml", test}}, nil
}

var manifestNames = map[string]string{"envoy": "envoy.yaml", "istio": "wasmplugin.yaml", "envoy-gateway": "extensionpolicy.yaml"}

// cluster is one server of the provider.
type cluster struct{ Name, Host, CA string }

// data is what the templates use.
type data struct {
	*Options
	Static, NoAud, Discovery        bool
	Members, Admin, Claims, Extra   string
	KeysURI, Cluster, KeyCluster    string
	KeyHost                         string
	Clusters                        []cluster
	Config, JSON, Manifest, Message string
}

func (o *Options) data() *data {
	p := o.Provider
	fill := strings.NewReplacer("AUDIENCE", o.Audience, "OWNER", o.Owner).Replace
	d := &data{
		Options: o, Static: p.Name == "static", NoAud: p.noAud, Discovery: p.keysURI == "", KeysURI: p.keysURI,
		Members: fill(p.members), Admin: fill(p.admin), Claims: fill(p.claims), Extra: fill(p.extra),
	}
	if d.Static {
		d.Admin, d.Claims = "    scopes: [admin]\n", ""
		return d
	}
	ca := p.ca
	if ca == "" {
		ca = "/etc/ssl/certs/ca-certificates.crt"
	}
	issuer, _ := url.Parse(o.Issuer) // Check has parsed it
	first := issuer.Hostname()
	if !d.Discovery {
		first = p.keyHost
	}
	d.Cluster = o.cluster("issuer", first)
	d.Clusters = append(d.Clusters, cluster{"issuer", first, ca})
	if d.Discovery && p.keyHost != "" {
		d.KeyHost, d.KeyCluster = p.keyHost, o.cluster("issuer-keys", p.keyHost)
		d.Clusters = append(d.Clusters, cluster{"issuer-keys", p.keyHost, ca})
	}
	return d
}

// cluster is the name of a cluster in the host: Istio makes names of its own.
func (o *Options) cluster(name, host string) string {
	if o.Host == "istio" {
		return "outbound|443||" + host
	}
	return name
}

func render(name string, d *data) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"indent": func(spaces int, text string) string {
			pad := strings.Repeat(" ", spaces)
			return pad + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+pad)
		},
		"comments": comments,
	}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, d)
	return b.String(), err
}

// comments are the lines of a text that only comment.
func comments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "#") {
			b.WriteString(trimmed + "\n")
		}
	}
	return b.String()
}

// toJSON writes a configuration as Envoy takes it: JSON has no comments.
func toJSON(config string) (string, error) {
	f, err := source.Parse("config.yaml", []byte(config))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, f.Configs[0].Text, "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}
