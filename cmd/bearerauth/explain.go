package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bearerauth/cmd/check"
	"bearerauth/cmd/explain"
	"bearerauth/filter/source"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	method, path, host, curl, log  string
	headers                        []string
	jwks, introspection, revoked   string
	at                             string
	fetch, showToken, failIfDenied bool
}

func (a *app) explain() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain FILE",
		Short: "Say step by step why a request passes or is refused",
		Long: `Decide over one request, and say step by step why: which rules apply and why the others
do not, where the token was found, which provider takes it, what was expected of it and
what it has, and what the upstream gets. The code that decides in the proxy decides here.

The request comes from flags, from a curl command, or from a line of Envoy's access log,
which has no token: add it by --header. A curl command or a line that is "-" is read from
standard input, so that no token is in the history of the shell.

Keys and answers of servers come from files, or by --fetch from the servers themselves:
from this machine, not through Envoy. --fetch sends an opaque token and the client's
secret to the introspection server. The token is never printed without --show-token.`,
		Example: `  bearerauth explain envoy.yaml --path /orders --header "authorization: Bearer $TOKEN" --fetch
  pbpaste | bearerauth explain policy.json --curl - --jwks keys.json
  bearerauth explain envoy.yaml --access-log "$(tail -1 access.log)" --header "authorization: Bearer $TOKEN" --fetch`,
		Args: func(c *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return fmt.Errorf("want one file (see %s --help)", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, arguments []string) error { return a.runExplain(c, arguments, o) },
	}
	f := c.Flags()
	f.StringVar(&o.method, "method", "GET", "the method of the request")
	f.StringVar(&o.path, "path", "", "the path of the request, with its query")
	f.StringVar(&o.host, "host", "", "the host of the request")
	f.StringArrayVar(&o.headers, "header", nil, "a header, as in \"authorization: Bearer …\"; can be given several times")
	f.StringVar(&o.curl, "curl", "", "the request as a curl command")
	f.StringVar(&o.log, "access-log", "", "the request as a line of Envoy's access log, text or JSON")
	f.StringVar(&o.jwks, "jwks", "", "a file with the key set of the issuer")
	f.StringVar(&o.introspection, "introspection", "", "a file with the introspection server's answer")
	f.StringVar(&o.revoked, "revocations", "", "a file with the list of revocations")
	f.BoolVar(&o.fetch, "fetch", false, "ask issuers and servers, where no file is given")
	f.StringVar(&o.at, "at", "", "the time of the decision, such as 2030-01-31T00:00:00Z (default: that of the access log, or now)")
	f.BoolVar(&o.showToken, "show-token", false, "show the token where the upstream gets it")
	f.BoolVar(&o.failIfDenied, "exit-code", false, "exit with 1 if the request is refused")
	return c
}

func (a *app) runExplain(c *cobra.Command, arguments []string, o explainOptions) error {
	in, err := a.explainInput(c, arguments, o)
	if err != nil {
		return err
	}
	e, err := explain.Explain(in)
	if explain.ErrConfiguration(err) {
		return fmt.Errorf("%w\n(bearerauth check %s shows the lines)", err, arguments[0])
	} else if err != nil {
		return err
	}
	if a.json {
		err = a.writeJSON(e)
	} else {
		err = e.WriteText(a.out)
	}
	if err == nil && o.failIfDenied && e.Decision == "denied" {
		return errFound
	}
	return err
}

func (a *app) explainInput(c *cobra.Command, arguments []string, o explainOptions) (in explain.Input, err error) {
	configuration, err := a.oneConfiguration(arguments)
	if err != nil {
		return in, err
	}
	in.Configuration, in.ShowToken = configuration.Text, o.showToken
	unset := check.Environment(configuration)
	in.Environment = func(name string) (string, bool) {
		if value, ok := os.LookupEnv(name); ok {
			return value, true
		}
		return unset(name)
	}
	if in.Request, err = a.explainedRequest(c, o); err != nil {
		return in, err
	}
	in.At = time.Now()
	if !in.Request.At.IsZero() {
		in.At = in.Request.At
	}
	if o.at != "" {
		if in.At, err = time.Parse(time.RFC3339, o.at); err != nil {
			return in, errors.New("--at: want a time such as 2030-01-31T00:00:00Z")
		}
	}
	var files explain.Files
	for name, into := range map[string]*[]byte{o.jwks: &files.Keys, o.introspection: &files.Introspection, o.revoked: &files.Revocations} {
		if name == "" {
			continue
		}
		if *into, err = a.readText(name); err != nil {
			return in, err
		}
	}
	var next explain.Server
	if o.fetch {
		next = explain.Fetch(context.Background())
	}
	in.Server = files.Serve(next)
	return in, nil
}

// oneConfiguration is the only one of a file.
func (a *app) oneConfiguration(arguments []string) (*source.Config, error) {
	files, broken, err := a.read(arguments)
	if err != nil {
		return nil, err
	}
	if len(broken) > 0 {
		return nil, broken[0]
	}
	var all []*source.Config
	var where []string
	for _, f := range files {
		for _, c := range f.Configs {
			all = append(all, c)
			where = append(where, strings.TrimSpace(f.Name+" "+c.Where))
		}
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s: no configuration of the filter found", arguments[0])
	case len(all) > 1:
		return nil, fmt.Errorf("want one configuration, found %d: %s", len(all), strings.Join(where, ", "))
	case all[0].Err != nil:
		return nil, fmt.Errorf("%s:%d:%d: %s", all[0].File, all[0].Err.At.Line, all[0].Err.At.Column, all[0].Err.Message)
	}
	return all[0], nil
}

func (a *app) explainedRequest(c *cobra.Command, o explainOptions) (r explain.Request, err error) {
	given := 0
	for _, text := range []string{o.path, o.curl, o.log} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		return r, errors.New("want the request by one of --path, --curl and --access-log")
	}
	text := o.curl + o.log
	if text == "-" {
		raw, err := a.readText("-")
		if err != nil {
			return r, err
		}
		text = string(raw)
	}
	switch {
	case o.curl != "":
		r, err = explain.FromCurl(text)
	case o.log != "":
		r, err = explain.FromAccessLog(text)
	default:
		r.Path, r.Method = o.path, o.method
		if r.Path[0] != '/' && r.Path != "*" {
			err = errors.New("--path: want a path that starts with /")
		}
	}
	if err != nil {
		return r, err
	}
	if c.Flags().Changed("method") {
		r.Method = o.method
	}
	if o.host != "" {
		r.Authority = o.host
	}
	for _, line := range o.headers {
		if err := r.AddHeader(line); err != nil {
			return r, fmt.Errorf("--header: %w", err)
		}
	}
	return r, nil
}
