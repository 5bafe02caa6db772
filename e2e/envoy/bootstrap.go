package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
)

// FreePort rewrites each `port_value: N` of a YAML text to port 0 for the given N. Envoy
// then takes a free port, which Listeners returns.
func FreePort(config string, port int) (string, error) {
	wanted := regexp.MustCompile(`(\bport_value"?:[ \t]*)` + strconv.Itoa(port) + `\b`)
	if !wanted.MatchString(config) {
		return "", fmt.Errorf("wanted `port_value: %d` in the configuration", port)
	}
	return wanted.ReplaceAllString(config, "${1}0"), nil
}

// ListenerFile is a file from which a running Envoy takes its listeners.
type ListenerFile struct {
	path    string
	mu      sync.Mutex
	version int
}

// NewListenerFile writes the first version into a folder of its own.
func NewListenerFile(dir string, listeners ...Listener) (*ListenerFile, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f := &ListenerFile{path: filepath.Join(abs, "listeners.yaml")}
	return f, f.Write(listeners...)
}

// Members are those of a Bootstrap that reads the file.
func (f *ListenerFile) Members() string {
	return fmt.Sprintf(`
node: {id: test, cluster: test}
dynamic_resources:
  lds_config:
    resource_api_version: V3
    path_config_source: {path: %q}
`, f.path)
}

// Write replaces all listeners. Envoy notices a file moved into place, never a file
// written in place. The stats listener_manager.lds.update_* and
// listener_manager.total_listeners_warming show the result.
func (f *ListenerFile) Write(listeners ...Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	resources := []object{}
	for _, l := range listeners {
		resource := l.object()
		resource["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener"
		resources = append(resources, resource)
	}
	text := encode(object{"version_info": strconv.Itoa(f.version), "resources": resources})
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}
