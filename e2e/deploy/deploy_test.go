// Package deploy tests the manifests in the folder of that name.
package deploy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	extensions "istio.io/api/extensions/v1alpha1"
	"sigs.k8s.io/yaml"

	"bearerauth/e2e/envoy"
	"bearerauth/filter/policy"
)

func TestMain(m *testing.M) { os.Exit(envoy.Main(m)) }

// readPlugin reads a WasmPlugin strictly: what Istio's type does not have, a
// cluster would refuse.
func readPlugin(t *testing.T) *extensions.WasmPlugin {
	t.Helper()
	root, err := envoy.Root()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(root, "deploy", "istio-wasmplugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	object, err := yaml.YAMLToJSONStrict(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var resource struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   json.RawMessage `json:"metadata"`
		Spec       json.RawMessage `json:"spec"`
	}
	d := json.NewDecoder(strings.NewReader(string(object)))
	d.DisallowUnknownFields()
	if err := d.Decode(&resource); err != nil {
		t.Fatal(err)
	}
	if resource.APIVersion != "extensions.istio.io/v1alpha1" || resource.Kind != "WasmPlugin" {
		t.Fatalf("%s %s", resource.APIVersion, resource.Kind)
	}
	var plugin extensions.WasmPlugin
	// protojson refuses unknown members, unknown enum values, and a digest that
	// YAML took for a number.
	if err := protojson.Unmarshal(resource.Spec, &plugin); err != nil {
		t.Fatal(err)
	}
	return &plugin
}

func TestIstioWasmPlugin(t *testing.T) {
	t.Parallel()
	plugin := readPlugin(t)
	if plugin.Phase != extensions.PluginPhase_AUTHN {
		t.Errorf("phase %s, want AUTHN", plugin.Phase)
	}
	if plugin.FailStrategy != extensions.FailStrategy_FAIL_RELOAD {
		t.Errorf("failStrategy %s, want FAIL_RELOAD", plugin.FailStrategy)
	}
	if len(plugin.Sha256) != 64 {
		t.Errorf("sha256 %q, want 64 digits", plugin.Sha256)
	}
	if _, err := policy.Parse(pluginConfig(t, plugin)); err != nil {
		t.Error(err)
	}
}

// pluginConfig is what the filter gets: Istio sends the Struct as JSON text.
func pluginConfig(t *testing.T, plugin *extensions.WasmPlugin) []byte {
	t.Helper()
	config, err := plugin.PluginConfig.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// TestIstioWasmPluginInEnvoy: Envoy itself takes the configuration.
func TestIstioWasmPluginInEnvoy(t *testing.T) {
	t.Parallel()
	binary := envoy.Need(t)
	validate := func(config string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		gateway := envoy.Listener{Name: "gateway", Filters: []envoy.Filter{envoy.Wasm{Name: "bearerauth", Config: config}}}
		return envoy.Validate(ctx, envoy.Options{Binary: binary, Config: envoy.Bootstrap{Listeners: []envoy.Listener{gateway}}.String()})
	}
	config := string(pluginConfig(t, readPlugin(t)))
	if err := validate(config); err != nil {
		t.Error(err)
	}
	if err := validate(strings.Replace(config, "sha256", "sha512", 1)); err == nil {
		t.Error("envoy takes a configuration with a problem: this test shows nothing")
	}
}
