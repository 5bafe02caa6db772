package envoy

import (
	"os"
	"strings"
	"testing"
)

func TestFreePorts(t *testing.T) {
	const config = "a: {port_value: 80}\nb: {port_value: 8080}\nc: {\"port_value\": 80 }\nd:\n  port_value:  80\n"
	got, err := FreePorts(config, 80)
	if err != nil {
		t.Fatal(err)
	}
	want := "a: {port_value: 0}\nb: {port_value: 8080}\nc: {\"port_value\": 0 }\nd:\n  port_value:  0\n"
	if got != want {
		t.Errorf("wanted\n%s got\n%s", want, got)
	}
	if _, err := FreePorts(config, 8080, 81); err == nil || !strings.Contains(err.Error(), "port_value: 81") {
		t.Errorf("wanted an error about port 81, got %v", err)
	}
}

func TestListenerFile(t *testing.T) {
	dir := t.TempDir()
	f, err := NewListenerFile(dir, "\n    - name: a\n      address: x\n\n      # note\n", "name: b\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	const head = "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
	want := "version_info: \"1\"\nresources:\n" + head + "  name: a\n  address: x\n  \n  # note\n" + head + "  name: b\n"
	if string(got) != want {
		t.Errorf("wanted\n%s got\n%s", want, got)
	}
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.path); err != nil || string(got) != "version_info: \"2\"\nresources:\n  []\n" {
		t.Errorf("wanted an empty second version, got %q, %v", got, err)
	}
	if !strings.Contains(f.Bootstrap(), dir) {
		t.Errorf("wanted the bootstrap to name the file, got %s", f.Bootstrap())
	}
}
