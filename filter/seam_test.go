package filter_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestSeam: one package knows the SDK, and each build has one SDK.
func TestSeam(t *testing.T) {
	t.Parallel()
	for tags, sdk := range map[string]string{"wasm": "github.com/proxy-wasm/proxy-wasm-go-sdk/", "tinygo": "github.com/tetratelabs/proxy-wasm-go-sdk/"} {
		list := exec.Command("go", "list", "-deps", "-tags", tags, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "..")
		list.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		importers := 0
		for line := range strings.Lines(string(out)) {
			name, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.Contains(name, "proxy-wasm") {
				if !strings.HasPrefix(name+"/", sdk) {
					t.Errorf("%s: depends on %s", tags, name)
				}
				continue
			}
			if strings.Contains(imports, "proxy-wasm") {
				importers++
				if name != "bearerauth/filter/internal/sdk" {
					t.Errorf("%s: %s imports the SDK", tags, name)
				}
			}
			// What tests and the command use besides must stay out of the module.
			if module, _, _ := strings.Cut(name, "/"); strings.Contains(module, ".") && !strings.HasPrefix(name, "github.com/go-json-experiment/json") {
				t.Errorf("%s: depends on %s", tags, name)
			}
			// TinyGo has neither, and the standard build has no use for them.
			if name == "crypto/x509" || name == "net" || strings.HasPrefix(name, "net/") {
				t.Errorf("%s: depends on %s", tags, name)
			}
		}
		if importers != 1 {
			t.Errorf("%s: %d packages import the SDK: was the right module asked?", tags, importers)
		}
	}
}
