package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"bearerauth/cmd/importer"
	"bearerauth/filter/source"
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
		input       func([]*source.File) ([]byte, error)
		read        func([]byte) (importer.Result, error)
	}{
		{"jwt-authn", "Envoy's filter jwt_authn: a whole configuration of Envoy, an entry of http_filters, or the message", filterIn, importer.Envoy},
		{"istio", "RequestAuthentication and AuthorizationPolicy of one workload", resourcesIn("RequestAuthentication", "AuthorizationPolicy"), importer.Istio},
		{"envoy-gateway", "a SecurityPolicy with its Secrets and ConfigMaps", resourcesIn("SecurityPolicy", "Secret", "ConfigMap"), importer.Gateway},
	} {
		var diff bool
		sub := &cobra.Command{
			Use:   kind.name + " FILE…",
			Short: "Translate " + kind.about,
			Long:  "Translate " + kind.about + ". Several files count as documents of one.",
			Args:  wantFiles,
			RunE: func(_ *cobra.Command, arguments []string) error {
				files, broken, err := a.read(arguments)
				if err != nil {
					return err
				}
				if len(broken) > 0 {
					return broken[0]
				}
				text, err := kind.input(files)
				if err != nil {
					return err
				}
				result, err := kind.read(text)
				if err != nil {
					return err
				}
				if diff && !a.json {
					if err := writeDiff(a.out, text, result.Config); err != nil {
						return err
					}
					return a.showLeft(&result)
				}
				return a.showImported(&result)
			},
		}
		sub.Flags().BoolVar(&diff, "diff", false, "show the original and the result beside each other, instead of the result")
		c.AddCommand(sub)
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

func (a *app) showImported(result *importer.Result) error {
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
		return a.showLeft(result)
	}
	if len(result.Left) > 0 {
		return errFound
	}
	return nil
}

// showLeft lists what the result decides otherwise than the original.
func (a *app) showLeft(result *importer.Result) error {
	for _, l := range result.Left {
		fmt.Fprintln(a.err, a.errColour.yellow("different:"), l)
	}
	if len(result.Left) > 0 {
		return errFound
	}
	return nil
}
