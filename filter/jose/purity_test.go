package jose

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports: formats and arithmetic, no host, no clock, nothing large.
// (math/big, which crypto/rsa and crypto/ecdsa need, brings fmt with it.)
func TestImports(t *testing.T) {
	t.Parallel()
	list := func(args ...string) []string {
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	direct := list("-f", `{{join .Imports "\n"}}`, ".")
	if len(direct) < 10 {
		t.Fatalf("only %d imports: was the right package asked?", len(direct))
	}
	for _, name := range direct {
		if slices.Contains([]string{"fmt", "os", "time", "syscall", "crypto/rand", "math/rand", "math/rand/v2", "reflect", "encoding/asn1"}, name) {
			t.Errorf("imports %s", name)
		}
	}
	for _, dep := range list("-deps", ".") {
		switch {
		case dep == "encoding/json", dep == "crypto/x509", dep == "regexp", strings.HasPrefix(dep, "net"), strings.HasPrefix(dep, "github.com/"),
			strings.HasPrefix(dep, "bearerauth/") && dep != "bearerauth/filter/jose":
			t.Errorf("depends on %s", dep)
		}
	}
}
