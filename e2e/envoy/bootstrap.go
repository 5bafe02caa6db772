package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// FreePorts rewrites each `port_value: N` of a YAML text to port 0 for the
// given N. Envoy then takes a free port, which Listeners tells.
func FreePorts(config string, ports ...int) (string, error) {
	for _, port := range ports {
		var err error
		if config, err = ReplacePort(config, port, 0); err != nil {
			return "", err
		}
	}
	return config, nil
}

// ReplacePort rewrites each `port_value: port`, say to that of a test's upstream.
func ReplacePort(config string, port, by int) (string, error) {
	wanted := regexp.MustCompile(`(\bport_value"?:[ \t]*)` + strconv.Itoa(port) + `\b`)
	if !wanted.MatchString(config) {
		return "", fmt.Errorf("wanted `port_value: %d` in the configuration", port)
	}
	return wanted.ReplaceAllString(config, "${1}"+strconv.Itoa(by)), nil
}

// ListenerFile is a file from which a running Envoy takes its listeners.
type ListenerFile struct {
	path    string
	mu      sync.Mutex
	version int
}

// NewListenerFile writes the first version into a folder of its own.
func NewListenerFile(dir string, listeners ...string) (*ListenerFile, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f := &ListenerFile{path: filepath.Join(abs, "listeners.yaml")}
	return f, f.Write(listeners...)
}

// Bootstrap is the top-level block of a bootstrap that reads the file.
func (f *ListenerFile) Bootstrap() string {
	return fmt.Sprintf(`
dynamic_resources:
  lds_config:
    resource_api_version: V3
    path_config_source: {path: %s}
`, strconv.Quote(f.path))
}

// Write replaces all listeners, each given as the YAML block that would stand
// under static_resources.listeners. Envoy takes notice of a file moved into
// place, never of one written in place. The stats listener_manager.lds.update_*
// and listener_manager.total_listeners_warming tell what became of it.
func (f *ListenerFile) Write(listeners ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	var text strings.Builder
	fmt.Fprintf(&text, "version_info: \"%d\"\nresources:\n", f.version)
	if len(listeners) == 0 {
		text.WriteString("  []\n")
	}
	for _, listener := range listeners {
		text.WriteString("- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n")
		for line := range strings.Lines(outdent(listener)) {
			text.WriteString("  " + line)
		}
		text.WriteString("\n")
	}
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}

// outdent moves a YAML block to column 0; `- ` before its first key may stay.
func outdent(block string) string {
	lines := strings.Split(strings.TrimRight(block, " \n"), "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return ""
	}
	first := strings.TrimLeft(lines[0], " ")
	depth := len(lines[0]) - len(first)
	if strings.HasPrefix(first, "- ") {
		lines[0] = strings.Repeat(" ", depth+2) + first[2:]
		depth += 2
	}
	for i, line := range lines {
		if strings.TrimSpace(line[:min(depth, len(line))]) == "" {
			lines[i] = line[min(depth, len(line)):]
		}
	}
	return strings.Join(lines, "\n")
}
