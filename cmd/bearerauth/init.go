package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bearerauth/cmd/preset"
)

func (a *app) init() *cobra.Command {
	var provider, dir string
	var force bool
	o := &preset.Options{}
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration with its manifest and a policy test",
		Long: `Write a first configuration for an identity provider, inside the manifest of a host, and
a policy test for it. What the flags leave open is asked for at a terminal.

Providers: ` + strings.Join(preset.Names(), ", ") + `.
Hosts: ` + strings.Join(preset.Hosts, ", ") + `.`,
		Example: `  bearerauth init
  bearerauth init --provider keycloak --host envoy --issuer https://login.example/realms/shop --audience shop-api`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if isTerminal(a.in) {
				if err := a.ask(&provider, o); err != nil {
					return err
				}
			}
			o.Provider = preset.Named(provider)
			return a.writeFirst(o, dir, force)
		},
	}
	c.Flags().StringVar(&provider, "provider", "", "the preset of the identity provider")
	c.Flags().StringVar(&o.Host, "host", "", "what runs the filter")
	c.Flags().StringVar(&o.Issuer, "issuer", "", "the iss of the tokens")
	c.Flags().StringVar(&o.Audience, "audience", "", "the aud of the tokens for your service")
	c.Flags().StringVar(&o.Owner, "owner", "", "for github-actions: the owner of the repositories")
	c.Flags().StringVar(&dir, "dir", ".", "the folder to write to")
	c.Flags().BoolVar(&force, "force", false, "overwrite files that exist")
	for flag, names := range map[string][]string{"provider": preset.Names(), "host": preset.Hosts} {
		if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return c
}

// ask asks for what the flags leave open.
func (a *app) ask(provider *string, o *preset.Options) error {
	lines := bufio.NewScanner(a.in)
	question := func(text string, answer *string) error {
		if *answer != "" {
			return nil
		}
		fmt.Fprintf(a.err, "%s: ", text)
		if !lines.Scan() {
			return errors.Join(errors.New("no answer"), lines.Err())
		}
		*answer = strings.TrimSpace(lines.Text())
		return nil
	}
	if err := question("Identity provider ("+strings.Join(preset.Names(), ", ")+")", provider); err != nil {
		return err
	}
	if err := question("Host ("+strings.Join(preset.Hosts, ", ")+")", &o.Host); err != nil {
		return err
	}
	p := preset.Named(*provider)
	if p == nil || p.Name == "static" {
		return nil
	}
	if p.Issuer == "" {
		if err := question("Issuer, such as "+p.Example, &o.Issuer); err != nil {
			return err
		}
	}
	if err := question("Audience: "+p.Audience, &o.Audience); err != nil {
		return err
	}
	if p.Name == "github-actions" {
		return question("Owner of the repositories", &o.Owner)
	}
	return nil
}

func (a *app) writeFirst(o *preset.Options, dir string, force bool) error {
	token := ""
	if o.Provider != nil && o.Provider.Name == "static" {
		random := make([]byte, 32)
		if _, err := rand.Read(random); err != nil {
			return err
		}
		token = base64.RawURLEncoding.EncodeToString(random)
		o.Digest = digest(token)
	}
	files, err := o.Files()
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) && !force {
			return fmt.Errorf("%s exists: want another --dir, or --force to overwrite it", name)
		}
		names = append(names, name)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, f := range files {
		if err := os.WriteFile(names[i], []byte(f.Text), 0o644); err != nil {
			return err
		}
	}
	if a.json {
		result := map[string]any{"files": names}
		if token != "" {
			result["token"] = token
		}
		return a.writeJSON(result)
	}
	fmt.Fprintf(a.out, "wrote %s\n", strings.Join(names, " and "))
	if token != "" {
		fmt.Fprintf(a.out, "token of first-client, shown only now:\n  %s\n", token)
	}
	fmt.Fprintf(a.out, "next:\n  bearerauth check %s\n  bearerauth test %s\n", names[0], names[1])
	return nil
}
