package policy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms is the architecture of the core: each package, and the packages that it may
// import. A package may import only those above it in this list, so no import runs
// up. All may import syntax and config, and jose where a third word says so.
var rooms = []struct{ name, imports string }{
	{"syntax", ""},
	{"cache", ""},
	{"config", ""},
	{"trace", ""},
	{"fetch", "cache"},
	{"request", "fetch"},
	{"verdict", "fetch"},
	{"match", "request"},
	{"credential", "request"},
	{"reply", "match request verdict"},
	{"claims", "trace verdict jose"},
	{"identity", "claims fetch verdict jose"},
	{"jwks", "fetch trace verdict jose"},
	{"revocation", "cache claims fetch identity jwks verdict jose"},
	{"static", "claims identity trace verdict jose"},
	{"jwt", "cache claims fetch identity jwks revocation trace verdict jose"},
	{"introspection", "cache claims credential fetch identity jwks jwt trace verdict jose"},
	{"", "cache claims credential fetch identity introspection jwks jwt match reply request revocation static trace verdict jose"},
}

// outside are packages of the standard library by which the core would reach the
// world, and ones that cost much in the module. Time, randomness and configuration
// are arguments.
var outside = []string{"os", "os/exec", "syscall", "net", "net/http", "net/netip", "crypto/rand", "math/rand", "math/rand/v2", "fmt", "encoding/json", "crypto/x509", "reflect"}

// TestRooms holds the imports of each package of the core to the table.
func TestRooms(t *testing.T) {
	t.Parallel()
	const base = "bearerauth/filter/policy"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		found[strings.TrimPrefix(strings.TrimPrefix(fields[0], base), "/")] = fields[1:]
	}
	for i, room := range rooms {
		imports, ok := found[room.name]
		delete(found, room.name)
		if !ok {
			t.Errorf("no package %q", room.name)
		}
		allowed := append(strings.Fields(room.imports), "syntax", "config")
		for _, path := range imports {
			if slices.Contains(outside, path) || strings.Contains(path, "proxy-wasm") {
				t.Errorf("%s/%s imports %s", base, room.name, path)
			}
			name, ours := strings.CutPrefix(path, base+"/")
			if path == "bearerauth/filter/jose" {
				name, ours = "jose", true
			}
			switch {
			case ours && !slices.Contains(allowed, name):
				t.Errorf("%s/%s imports %s, which the table does not allow", base, room.name, path)
			case ours && name != "jose" && !slices.ContainsFunc(rooms[:i], func(above struct{ name, imports string }) bool { return above.name == name }):
				t.Errorf("%s/%s imports %s, which stands below it in the table", base, room.name, path)
			case !ours && strings.HasPrefix(path, "bearerauth"):
				t.Errorf("%s/%s imports %s", base, room.name, path)
			}
		}
		for _, want := range strings.Fields(room.imports) {
			path := base + "/" + want
			if want == "jose" {
				path = "bearerauth/filter/jose"
			}
			if !slices.Contains(imports, path) {
				t.Errorf("%s/%s does not import %s, which the table names", base, room.name, path)
			}
		}
	}
	for name := range found {
		t.Errorf("package %q is not in the table", name)
	}
}
