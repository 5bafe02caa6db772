package envoy

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Bootstrap is what an Envoy starts with, as far as tests and bench need it.
//
// Where a field of the types below is YAML, it holds more members of the object
// that it names, or others in place of the usual ones. What is no YAML panics:
// these are constants of tests.
type Bootstrap struct {
	Listeners []Listener
	Clusters  []Cluster
	Members   string // YAML, at the top
}

// Listener is a listener for HTTP on a free port of the loopback.
type Listener struct {
	Name      string   // also of its statistics: http.NAME.*
	Filters   []Filter // of HTTP, before the router
	Routes    string   // a YAML list; "": Envoy itself answers every request with 200
	AccessLog string   // the format of a line on Envoy's standard output; "": none
	Manager   string   // YAML, in the HttpConnectionManager
}

// Cluster is a server on a port of the loopback, or without any endpoint if that is 0.
type Cluster struct {
	Name     string
	Port     int
	Protocol string // YAML: the explicit_http_config
}

// Filter is an entry of http_filters.
type Filter interface{ entry() object }

// YAML is a filter as its configuration.
type YAML string

// Wasm is a filter that runs a module.
type Wasm struct {
	Name   string // also the root_id
	VM     string // plugins with the same name share a VM
	File   string // "": the module that Module names
	Config string // JSON
	Struct bool   // Config is carried as a Struct, not as a StringValue

	Plugin   string // YAML, in the PluginConfig
	VMConfig string // YAML, in the VmConfig
}

type object = map[string]any

// String is the bootstrap for Options.Config.
func (b Bootstrap) String() string {
	listeners, clusters := []object{}, []object{}
	for _, l := range b.Listeners {
		listeners = append(listeners, l.object())
	}
	for _, c := range b.Clusters {
		clusters = append(clusters, c.object())
	}
	return encode(with(object{"static_resources": object{"listeners": listeners, "clusters": clusters}}, b.Members))
}

func (y YAML) entry() object { return with(object{}, string(y)) }

func (w Wasm) entry() object {
	carried := object{"@type": "type.googleapis.com/google.protobuf.StringValue", "value": w.Config}
	if w.Struct {
		carried = object{"@type": "type.googleapis.com/google.protobuf.Struct", "value": json.RawMessage(w.Config)}
	}
	if w.File == "" {
		root, err := Root()
		must(err)
		w.File = filepath.Join(root, Module())
	}
	vm := object{"vm_id": w.VM, "runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": w.File}}}
	return typed(w.Name, "http.wasm.v3.Wasm", object{"config": with(object{
		"name": w.Name, "root_id": w.Name, "failure_policy": "FAIL_RELOAD",
		"vm_config": with(vm, w.VMConfig), "configuration": carried,
	}, w.Plugin)})
}

func (l Listener) object() object {
	filters := []object{}
	for _, f := range l.Filters {
		filters = append(filters, f.entry())
	}
	routes := []any{object{
		"match":           object{"prefix": "/"},
		"direct_response": object{"status": 200, "body": object{"inline_string": "ok"}},
	}}
	if l.Routes != "" {
		must(yaml.Unmarshal([]byte(l.Routes), &routes))
	}
	manager := object{
		"stat_prefix":  l.Name,
		"route_config": object{"virtual_hosts": []object{{"name": "all", "domains": []string{"*"}, "routes": routes}}},
		"http_filters": append(filters, typed("envoy.filters.http.router", "http.router.v3.Router", object{})),
	}
	if l.AccessLog != "" {
		manager["access_log"] = []object{{
			"name": "envoy.access_loggers.stdout",
			"typed_config": object{
				"@type":      "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
				"log_format": object{"text_format_source": object{"inline_string": l.AccessLog + "\n"}},
			},
		}}
	}
	return object{
		"name": l.Name, "address": loopback(0),
		"filter_chains": []object{{"filters": []object{typed("envoy.filters.network.http_connection_manager",
			"network.http_connection_manager.v3.HttpConnectionManager", with(manager, l.Manager))}}},
	}
}

func (c Cluster) object() object {
	endpoints := []object{}
	if c.Port != 0 {
		endpoints = append(endpoints, object{"endpoint": object{"address": loopback(c.Port)}})
	}
	cluster := object{
		"name": c.Name, "type": "STATIC",
		"load_assignment": object{"cluster_name": c.Name, "endpoints": []object{{"lb_endpoints": endpoints}}},
	}
	if c.Protocol != "" {
		const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
		cluster["typed_extension_protocol_options"] = object{options: object{
			"@type": "type.googleapis.com/" + options, "explicit_http_config": with(object{}, c.Protocol),
		}}
	}
	return cluster
}

func loopback(port int) object {
	return object{"socket_address": object{"address": "127.0.0.1", "port_value": port}}
}

// typed is an entry of a list of filters.
func typed(name, kind string, config object) object {
	config["@type"] = "type.googleapis.com/envoy.extensions.filters." + kind
	return object{"name": name, "typed_config": config}
}

// with adds the members of a YAML object.
func with(o object, members string) object {
	more := object{}
	must(yaml.Unmarshal([]byte(members), &more))
	maps.Copy(o, more)
	return o
}

// encode writes JSON, which is YAML, too.
func encode(v any) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	must(e.Encode(v))
	return text.String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
