package preset_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bearerauth/cmd/check"
	"bearerauth/cmd/preset"
	"bearerauth/filter/scenario"
	"bearerauth/filter/source"
	"bearerauth/filter/trial"
)

// TestFiles: what is written passes check without a warning, and its test passes and meets
// every rule.
func TestFiles(t *testing.T) {
	t.Parallel()
	for _, provider := range preset.Providers {
		for _, host := range preset.Hosts {
			t.Run(provider.Name+"/"+host, func(t *testing.T) {
				t.Parallel()
				o := &preset.Options{
					Provider: provider, Host: host, Issuer: provider.Example, Audience: "shop-api", Owner: "acme",
					Digest: strings.Repeat("0123456789abcdef", 4),
				}
				files, err := o.Files()
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				for _, f := range files {
					if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(f.Text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				story, err := scenario.Read(filepath.Join(dir, files[1].Name))
				if err != nil {
					t.Fatalf("%v\n%s", err, files[1].Text)
				}
				manifest, err := source.Read(filepath.Join(dir, files[0].Name))
				if err != nil {
					t.Fatalf("%v\n%s", err, files[0].Text)
				}
				if len(manifest.Configs) != 1 {
					t.Fatalf("%d configurations in\n%s", len(manifest.Configs), files[0].Text)
				}
				for _, f := range check.Config(manifest.Configs[0], []*scenario.Story{story}) {
					t.Error(f.String())
				}
				report, err := trial.Run(story)
				if err != nil {
					t.Fatal(err)
				}
				for _, result := range report.Results {
					for _, d := range result.Differences {
						t.Errorf("%s: %s: want %s, got %s", result.Request.Name, d.What, d.Want, d.Got)
					}
				}
				if len(report.Rules) > 0 || len(report.Providers) > 0 {
					t.Errorf("never met: %v %v", report.Rules, report.Providers)
				}
			})
		}
	}
}
