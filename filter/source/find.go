package source

import (
	"slices"
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
)

// find fills Configs.
func (f *File) find() {
	w := &finder{file: f.Name}
	for _, document := range f.Documents {
		w.clusters(document)
	}
	for _, document := range f.Documents {
		before := len(w.found)
		w.walk(document)
		if len(w.found) == before && isPlain(document) {
			w.add(document, "", nil)
			w.found[before].Doubtful = !hasProviders(document)
		}
	}
	for _, c := range w.found {
		if w.knowsClusters {
			c.Clusters = append([]Cluster{}, w.all...)
		}
	}
	f.Configs = w.found
}

// isPlain reports whether a document may itself be a configuration of the filter. A
// document without "providers" may be one, too: that is a mistake to report. It is none
// if it looks like a file of Envoy, of Kubernetes, of tests, or a JSON Schema.
func isPlain(v *Value) bool {
	if v == nil || v.Kind != '{' {
		return false
	}
	if v.Get("providers") != nil {
		return v.Get("requests") == nil
	}
	for _, name := range []string{
		"kind", "apiVersion", "static_resources", "staticResources", "dynamic_resources", "dynamicResources", "admin",
		"node", "resources", "requests", "http_filters", "httpFilters", "$defs", "properties", "@type", "name",
	} {
		if v.Get(name) != nil {
			return false
		}
	}
	return len(v.Members) > 0
}

// hasProviders reports whether a document has providers, perhaps under a misspelt name.
func hasProviders(v *Value) bool {
	if v.Get("providers") != nil {
		return true
	}
	for _, m := range v.Members {
		for _, provider := range m.Value.Members {
			if slices.Contains([]string{"static", "jwt", "introspection"}, strings.ToLower(provider.Value.Get("type").Str())) {
				return true
			}
		}
	}
	return false
}

type finder struct {
	file          string
	found         []*Config
	all           []Cluster
	knowsClusters bool
}

// walk finds the plugins in v, at any depth: a filter in http_filters, a resource of ECDS,
// an EnvoyFilter, an item of a Kubernetes List.
func (w *finder) walk(v *Value) {
	if v == nil {
		return
	}
	switch kind := v.Get("kind").Str(); {
	case kind == "WasmPlugin":
		w.istio(v, v.Get("spec"))
		return
	case kind == "TrafficExtension":
		w.istio(v, v.Get("spec", "wasm"))
		return
	case kind == "EnvoyExtensionPolicy":
		w.gateway(v)
		return
	case v.either("vm_config", "vmConfig") != nil:
		w.envoy(v)
		return
	case v.Get("requests") != nil && v.Get("config") != nil:
		if inline := v.Get("config"); inline.Kind == '{' {
			w.add(inline, "policy test", nil)
		}
		return
	}
	for _, m := range v.Members {
		w.walk(m.Value)
	}
	for _, item := range v.Items {
		w.walk(item)
	}
}

// envoy reads a PluginConfig (envoy.extensions.wasm.v3).
func (w *finder) envoy(plugin *Value) {
	vm := plugin.either("vm_config", "vmConfig")
	root := plugin.either("root_id", "rootId").Str()
	names := []string{plugin.Get("name").Str(), root, vm.Get("code", "local", "filename").Str(), vm.Get("code", "remote").either("http_uri", "httpUri").Get("uri").Str()}
	value := plugin.Get("configuration")
	kind := value.Get("@type").Str()
	inner := value
	if kind != "" {
		inner = value.Get("value")
		if inner == nil && !strings.HasSuffix(kind, ".StringValue") {
			inner = value
		}
	}
	if !isOurs(names, inner) {
		return
	}
	environment := vm.either("environment_variables", "environmentVariables")
	variables := &[]string{}
	for _, item := range environment.either("host_env_keys", "hostEnvKeys").List() {
		*variables = append(*variables, item.Str())
	}
	if values := environment.either("key_values", "keyValues"); values != nil {
		for _, m := range values.Members {
			*variables = append(*variables, m.Name)
		}
	}
	where := "Wasm filter " + firstOf(names)
	switch {
	case value == nil:
		w.fail(plugin.At, where, `want the filter's configuration in "configuration"`)
	case kind == "":
		w.fail(value.At, where, `want "@type": type.googleapis.com/google.protobuf.StringValue in the configuration, and the filter's JSON in its "value"`)
	case strings.HasSuffix(kind, ".StringValue"):
		if inner == nil || inner.Kind != '"' {
			w.fail(value.At, where, `want a string in "value", which is the filter's JSON: Envoy takes an object only with the type google.protobuf.Struct`)
			break
		}
		w.add(inner, where, variables)
	case strings.HasSuffix(kind, ".Struct"):
		w.object(inner, where, "the value of a Struct", variables)
	default:
		w.fail(value.At, where, `want "@type": type.googleapis.com/google.protobuf.StringValue, got `+config.Quote(kind))
	}
	failOpen := plugin.either("fail_open", "failOpen")
	if policy := plugin.either("failure_policy", "failurePolicy"); policy.Str() == "FAIL_OPEN" {
		w.failsOpen(policy, "failure_policy: FAIL_RELOAD")
	} else if failOpen != nil && failOpen.Kind == 't' {
		w.failsOpen(failOpen, "failure_policy: FAIL_RELOAD")
	}
}

// failsOpen notes where the last configuration that was found says that requests pass
// without the filter.
func (w *finder) failsOpen(at *Value, instead string) {
	w.found[len(w.found)-1].FailsOpen = &FailsOpen{at.At, instead}
}

// object adds a configuration that cannot be a string.
func (w *finder) object(v *Value, where, what string, variables *[]string) {
	if v != nil && v.Kind == '"' {
		w.fail(v.At, where, "want an object, got a string: "+what+" is the filter's configuration itself, not its JSON in a string")
		return
	}
	w.add(v, where, variables)
}

// istio reads what WasmPlugin and TrafficExtension have in common.
func (w *finder) istio(object, plugin *Value) {
	names := []string{plugin.Get("pluginName").Str(), object.Get("metadata", "name").Str(), plugin.Get("url").Str()}
	value := plugin.Get("pluginConfig")
	if !isOurs(names, value) {
		return
	}
	variables := &[]string{}
	for _, item := range plugin.Get("vmConfig", "env").List() {
		*variables = append(*variables, item.Get("name").Str())
	}
	where := object.Get("kind").Str() + " " + firstOf([]string{object.Get("metadata", "name").Str(), names[0]})
	if value == nil {
		w.fail(object.At, where, "want the filter's configuration in pluginConfig")
	} else {
		w.object(value, where, "pluginConfig", variables)
	}
	if strategy := plugin.Get("failStrategy"); strategy.Str() == "FAIL_OPEN" {
		w.failsOpen(strategy, "failStrategy: FAIL_RELOAD or FAIL_CLOSE")
	}
}

// gateway reads an EnvoyExtensionPolicy of Envoy Gateway.
func (w *finder) gateway(object *Value) {
	for i, plugin := range object.Get("spec", "wasm").List() {
		names := []string{
			plugin.Get("name").Str(), plugin.Get("rootID").Str(),
			plugin.Get("code", "image", "url").Str(), plugin.Get("code", "http", "url").Str(),
		}
		value := plugin.Get("config")
		if !isOurs(names, value) {
			continue
		}
		variables := &[]string{}
		for _, item := range plugin.Get("env", "hostKeys").List() {
			*variables = append(*variables, item.Str())
		}
		where := "EnvoyExtensionPolicy " + object.Get("metadata", "name").Str() + ", spec.wasm[" + strconv.Itoa(i) + "]"
		if value == nil {
			w.fail(plugin.At, where, "want the filter's configuration in config")
		} else {
			w.object(value, where, "config", variables)
		}
		if open := plugin.Get("failOpen"); open != nil && open.Kind == 't' {
			w.failsOpen(open, "failOpen: false")
		}
	}
}

// isOurs reports whether a plugin is this filter: one of its names says so, or its
// configuration has providers.
func isOurs(names []string, value *Value) bool {
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), "bearerauth") {
			return true
		}
	}
	if value != nil && value.Kind == '"' {
		inner, err := readJSON([]byte(value.Text), value.inner)
		return err == nil && inner.Get("providers") != nil
	}
	return value.Get("providers") != nil
}

func firstOf(names []string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return "without a name"
}

func (w *finder) fail(at Position, where, message string) {
	w.found = append(w.found, &Config{File: w.file, Where: where, At: at, Err: &SyntaxError{at, message}})
}

// Whole is a document itself as a configuration, of which only the text and the places
// count.
func Whole(file string, document *Value) *Config {
	c := &Config{File: file, Text: document.appendJSON(nil), At: document.At, members: map[string]Position{}}
	document.positions("", c.members)
	return c
}

// add adds the configuration v: an object, or a string that contains JSON.
func (w *finder) add(v *Value, where string, variables *[]string) {
	if v == nil {
		w.fail(Position{1, 1}, where, "want the filter's configuration")
		return
	}
	c := &Config{File: w.file, Where: where, At: v.At, members: map[string]Position{}}
	if variables != nil {
		c.Variables, c.HasVariables = *variables, true
	}
	root := v
	c.Text = v.appendJSON(nil)
	if v.Kind == '"' {
		c.Text = []byte(v.Text)
		inner, err := readJSON(c.Text, v.inner)
		if err != nil {
			c.Err, _ = err.(*SyntaxError)
		} else {
			root = inner
			c.At = inner.At
		}
	}
	c.Root = root
	root.positions("", c.members)
	w.found = append(w.found, c)
}
