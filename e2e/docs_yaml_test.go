package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	extensions "istio.io/api/extensions/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/wire"
	"bearerauth/filter/pages"
	"bearerauth/filter/policy"
)

// TestDocsYAML: Envoy takes the pieces of its configuration that the documents
// show, Istio's types the manifests, and the filter what they carry for it.
func TestDocsYAML(t *testing.T) {
	t.Parallel()
	root, all := readPages(t)
	blocks := pages.Blocks(all, "yaml")
	if len(blocks) < 10 {
		t.Fatalf("found %d blocks of YAML, want at least 10", len(blocks))
	}
	carried := 0
	for _, block := range blocks {
		built := strings.ReplaceAll("\n"+block.Text, "filename: bearerauth.wasm", "filename: "+envoy.Module())
		for _, document := range strings.Split(built, "\n---\n") {
			var tree map[string]any
			if err := yaml.UnmarshalStrict([]byte(document), &tree); err != nil {
				t.Fatalf("%s: %v", block, err)
			}
			for _, config := range configurations(tree) {
				carried++
				if _, err := policy.Parse([]byte(config)); err != nil {
					t.Errorf("%s: %v", block, err)
				}
			}
			switch {
			case tree["kind"] != nil:
				checkManifest(t, block, tree)
			case tree["groups"] != nil || tree["vmConfig"] != nil:
				// Rules of Prometheus, and a part of a WasmPlugin.
			default:
				if tree["resources"] != nil || strings.Contains(document, "config_discovery:") {
					continue // TestDocsReload
				}
				t.Run(block.String(), func(t *testing.T) {
					t.Parallel()
					validate(t, root, bootstrapAround(t, document, tree))
				})
			}
		}
	}
	if carried < 4 {
		t.Errorf("found %d configurations of the filter, want at least 4", carried)
	}
}

// configurations of the filter are text below configuration.value, and objects
// with providers.
func configurations(tree any) (found []string) {
	switch node := tree.(type) {
	case []any:
		for _, child := range node {
			found = append(found, configurations(child)...)
		}
	case map[string]any:
		if value, ok := node["value"].(string); ok && strings.HasSuffix(text(node["@type"]), "StringValue") {
			return []string{value}
		}
		if node["providers"] != nil {
			raw, _ := json.Marshal(node)
			return []string{string(raw)}
		}
		for _, child := range node {
			found = append(found, configurations(child)...)
		}
	}
	return found
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// checkManifest reads a Kubernetes resource strictly: an unknown member, or a
// digest that YAML takes for a number, is an error.
func checkManifest(t *testing.T, block pages.Block, tree map[string]any) {
	t.Helper()
	spec, err := json.Marshal(tree["spec"])
	if err != nil {
		t.Fatal(err)
	}
	strict := func(into any) error {
		d := json.NewDecoder(bytes.NewReader(spec))
		d.DisallowUnknownFields()
		return d.Decode(into)
	}
	switch kind := text(tree["apiVersion"]) + " " + text(tree["kind"]); kind {
	case "extensions.istio.io/v1alpha1 WasmPlugin":
		err = protojson.Unmarshal(spec, &extensions.WasmPlugin{})
	case "networking.istio.io/v1 ServiceEntry":
		err = protojson.Unmarshal(spec, &networking.ServiceEntry{})
	case "networking.istio.io/v1 DestinationRule":
		err = protojson.Unmarshal(spec, &networking.DestinationRule{})
	case "gateway.envoyproxy.io/v1alpha1 EnvoyExtensionPolicy":
		err = strict(&extensionPolicy{})
	case "gateway.envoyproxy.io/v1alpha1 EnvoyPatchPolicy":
		var patch patchPolicy
		if err = strict(&patch); err == nil {
			validate(t, "", asYAML(t, map[string]any{"static_resources": map[string]any{
				"clusters": []any{patch.JSONPatches[0].Operation.Value},
			}}))
		}
	default:
		t.Errorf("%s: a kind that this test does not know: %s", block, kind)
	}
	if err != nil {
		t.Errorf("%s: %v", block, err)
	}
}

type target struct{ Group, Kind, Name string }

// What Envoy Gateway v1.9 has, as far as the documents use it.
type extensionPolicy struct {
	TargetRefs []target `json:"targetRefs"`
	Wasm       []struct {
		Name, RootID string
		FailOpen     bool `json:"failOpen"`
		Code         struct {
			Type  string
			Image *struct{ URL, SHA256 string }
			HTTP  *struct{ URL, SHA256 string }
		}
		Config json.RawMessage
		Env    *struct {
			HostKeys []string `json:"hostKeys"`
		}
	}
}

type patchPolicy struct {
	TargetRef   target `json:"targetRef"`
	Type        string
	JSONPatches []struct {
		Type, Name string
		Operation  struct {
			Op, Path string
			Value    any
		}
	} `json:"jsonPatches"`
}

func asYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bootstrapAround completes a piece of Envoy's configuration.
func bootstrapAround(t *testing.T, document string, tree map[string]any) string {
	t.Helper()
	wasm := listener{name: "docs", config: oneToken("fake-token", "alice")}
	docs := wasm.envoy()
	docs.Routes = ""
	switch {
	case tree["static_resources"] != nil, tree["stats_config"] != nil:
		return document
	case tree["clusters"] != nil:
		return asYAML(t, map[string]any{"static_resources": tree})
	case tree["dynamic_resources"] != nil:
		file := filepath.Join(t.TempDir(), "listeners.yaml")
		if err := os.WriteFile(file, []byte("resources: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "node: {id: test, cluster: test}\n" + strings.ReplaceAll(document, "/etc/envoy/listeners.yaml", file)
	case tree["response_headers_to_add"] != nil:
		route := maps.Clone(tree)
		route["match"], route["direct_response"] = map[string]any{"prefix": "/"}, map[string]any{"status": 200}
		docs.Routes = asYAML(t, []any{route})
	case tree["vm_config"] != nil:
		wasm.vm = asYAML(t, tree["vm_config"])
		docs.Filters = wasm.envoy().Filters
	case tree["http_filters"] != nil:
		docs.Filters = nil
		for _, filter := range tree["http_filters"].([]any) {
			docs.Filters = append(docs.Filters, envoy.YAML(asYAML(t, filter)))
		}
	default:
		t.Fatalf("YAML that this test cannot complete:\n%s", document)
	}
	return envoy.Bootstrap{Listeners: []envoy.Listener{docs}, Members: "node: {id: test, cluster: test}"}.String()
}

func validate(t *testing.T, root, bootstrap string) {
	t.Helper()
	binary := envoy.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := envoy.Validate(ctx, envoy.Options{Binary: binary, Dir: root, Config: bootstrap}); err != nil {
		t.Errorf("%v\n%s", err, bootstrap)
	}
}

// TestDocsReload: Envoy loads the filter from a file as the documents show it, loads a new
// version, and keeps the old version if the new version is bad.
func TestDocsReload(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	root, all := readPages(t)
	var entry, resource string
	for _, block := range pages.Blocks(all, "yaml") {
		if strings.Contains(block.Text, "config_discovery:") {
			entry = block.Text
		}
		if strings.HasPrefix(block.Text, "resources:") {
			resource = block.Text
		}
	}
	const digest, place = "b3c2d466e97cea4cf9f8a8a9bcd6daa3e11b4c5b49f76b9e7f7fc9f2c4f3b1e7", "/etc/envoy/bearerauth.yaml"
	if !strings.Contains(entry, place) || !strings.Contains(resource, digest) {
		t.Fatal("the documents have no ECDS from a file")
	}
	file := filepath.Join(t.TempDir(), "bearerauth.yaml")
	write := func(by string) {
		t.Helper()
		next := strings.NewReplacer(digest, by, "/etc/envoy/bearerauth-small.wasm", filepath.Join(root, envoy.Module())).Replace(resource)
		if err := os.WriteFile(file+".next", []byte(next), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".next", file); err != nil {
			t.Fatal(err)
		}
	}
	write(digestOf("fake-old"))
	var tree map[string]any
	entry = strings.ReplaceAll(entry, place, file)
	if err := yaml.Unmarshal([]byte(entry), &tree); err != nil {
		t.Fatal(err)
	}
	p := envoy.Run(t, envoy.Options{Binary: binary, Config: bootstrapAround(t, entry, tree)})
	addr := envoy.Address(t, p, "docs")
	want := func(token string, wanted int) {
		t.Helper()
		if got := send(t, wire.HTTP1, addr, wire.Request{Fields: bearer(token)}).Status; got != wanted {
			t.Errorf("%s: status %d, want %d", token, got, wanted)
		}
	}
	stat := func(name string, n int64) {
		t.Helper()
		if _, err := p.WaitStat("extension_config_discovery.http_filter.bearerauth."+name, envoy.AtLeast(n), limit); err != nil {
			t.Fatal(err)
		}
	}
	want("fake-old", 200)
	write("no digest")
	stat("update_rejected", 1)
	want("fake-old", 200)
	if _, err := p.Log.Wait(`tokens\[0\]\.sha256: want 64`, limit); err != nil {
		t.Error(err)
	}
	write(digestOf("fake-new"))
	stat("update_success", 2)
	await(t, addr, func() string { return "fake-new" }, 200, 401)
	want("fake-old", 401)
}
