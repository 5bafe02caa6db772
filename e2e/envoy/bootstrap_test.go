package envoy

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestFreePort(t *testing.T) {
	const config = "a: {port_value: 80}\nb: {port_value: 8080}\nc: {\"port_value\": 80 }\nd:\n  port_value:  80\n"
	got, err := FreePort(config, 80)
	if err != nil {
		t.Fatal(err)
	}
	want := "a: {port_value: 0}\nb: {port_value: 8080}\nc: {\"port_value\": 0 }\nd:\n  port_value:  0\n"
	if got != want {
		t.Errorf("wanted\n%s got\n%s", want, got)
	}
	if _, err := FreePort(config, 81); err == nil || !strings.Contains(err.Error(), "port_value: 81") {
		t.Errorf("wanted an error about port 81, got %v", err)
	}
}

func TestListenerFile(t *testing.T) {
	dir := t.TempDir()
	f, err := NewListenerFile(dir, Listener{Name: "a"}, Listener{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	read := func() (version string, names []string) {
		t.Helper()
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Version   string `json:"version_info"`
			Resources []struct{ Name string }
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, r := range file.Resources {
			names = append(names, r.Name)
		}
		return file.Version, names
	}
	if version, names := read(); version != "1" || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("wanted version 1 with a and b, got %s with %q", version, names)
	}
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	if version, names := read(); version != "2" || names != nil {
		t.Errorf("wanted an empty version 2, got %s with %q", version, names)
	}
	if !strings.Contains(f.Members(), dir) {
		t.Errorf("wanted the bootstrap to name the file, got %s", f.Members())
	}
}
