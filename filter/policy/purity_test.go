package policy

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPurity: the core takes time, configuration and requests as arguments. It
// knows neither the host nor any other way to reach the world.
func TestPurity(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	// crypto/sha256 brings os with it, for random numbers that the core never asks for.
	imports, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, direct := range strings.Fields(string(imports)) {
		if direct == "os" || direct == "syscall" || strings.HasPrefix(direct, "crypto/rand") {
			t.Errorf("the core imports %s", direct)
		}
	}
	deps := strings.Fields(string(out))
	if len(deps) < 10 {
		t.Fatalf("go list knows %d packages: was the right one asked?", len(deps))
	}
	for _, dep := range deps {
		switch {
		case strings.Contains(dep, "proxy-wasm"), strings.HasPrefix(dep, "net"), dep == "os/exec",
			dep == "encoding/json", dep == "crypto/x509":
			t.Errorf("the core depends on %s", dep)
		case strings.HasPrefix(dep, "bearerauth/") && dep != "bearerauth/filter/policy" && dep != "bearerauth/filter/jose":
			t.Errorf("the core depends on %s", dep)
		}
	}
}
