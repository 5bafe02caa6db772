package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"bearerauth/cmd/importer"
)

func (a *app) importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Translate the configuration of another filter",
		Long: `Translate the configuration of another filter into one of this filter, on standard output.
What is lost or becomes stricter is listed on standard error. The result never allows
what the original refuses, but for the differences in docs/migrating.md.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return fmt.Errorf("want jwt-authn, istio or envoy-gateway (see %s --help)", c.CommandPath())
		},
	}
	for _, kind := range []struct {
		name, about string
		read        func([]byte) (importer.Result, error)
	}{
		{"jwt-authn", "Envoy's filter jwt_authn: its message, or its entry of http_filters", importer.Envoy},
		{"istio", "RequestAuthentication and AuthorizationPolicy of one workload", importer.Istio},
		{"envoy-gateway", "a SecurityPolicy with its Secrets and ConfigMaps", importer.Gateway},
	} {
		c.AddCommand(&cobra.Command{
			Use:   kind.name + " FILE…",
			Short: "Translate " + kind.about,
			Long:  "Translate " + kind.about + ". Several files count as documents of one.",
			Args:  wantFiles,
			RunE:  func(_ *cobra.Command, arguments []string) error { return a.importFiles(arguments, kind.read) },
		})
	}
	return c
}

// imported is the result of import for scripts.
type imported struct {
	Config rawJSON `json:"config"`
	Left   []left  `json:"left"`
}

type left struct {
	Path   string `json:"path"`
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"`
}

// rawJSON is written as it is.
type rawJSON []byte

// MarshalJSON returns the text itself.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func (a *app) importFiles(arguments []string, read func([]byte) (importer.Result, error)) error {
	var documents [][]byte
	for _, argument := range arguments {
		text, err := a.readText(argument)
		if err != nil {
			return err
		}
		documents = append(documents, text)
	}
	result, err := read(bytes.Join(documents, []byte("\n---\n")))
	if err != nil {
		return err
	}
	if a.json {
		list := []left{}
		for _, l := range result.Left {
			list = append(list, left(l))
		}
		if err := a.writeJSON(imported{result.Config, list}); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(a.out, string(bytes.TrimSpace(result.Config)))
		for _, l := range result.Left {
			fmt.Fprintln(a.err, a.yellow("different:"), l)
		}
	}
	if len(result.Left) > 0 {
		return errFound
	}
	return nil
}
