package main

import (
	_ "embed" // the schema
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version, set by the linker.
var release = ""

// abi is the version of proxy-wasm that the filter exports.
const abi = "0.2.1"

// schema is config.schema.json at the root of the repository: a file outside the module
// cannot be embedded.
//
//go:embed config.schema.json
var schema []byte

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration",
		Long:    `Print the JSON Schema (2020-12) of the configuration, for editors.`,
		Example: `  bearerauth schema > config.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(schema)
			return err
		},
	}
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the build and the ABI",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": release, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "abi": "proxy-wasm " + abi}
			if info, ok := debug.ReadBuildInfo(); ok {
				if release == "" {
					v["version"] = info.Main.Version
				}
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						v["revision"] = setting.Value
					}
				}
			}
			if a.json {
				return a.writeJSON(v)
			}
			fmt.Fprintf(a.out, "bearerauth %s (%s, %s, %s)\n", v["version"], v["go"], v["platform"], v["abi"])
			if v["revision"] != "" {
				fmt.Fprintf(a.out, "revision %s\n", v["revision"])
			}
			return nil
		},
	}
}
