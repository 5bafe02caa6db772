package source

import "strings"

// Cluster is a cluster of Envoy that a file defines.
type Cluster struct {
	Name string
	// TLS reports whether Envoy connects by TLS, and Verifies whether it then checks the
	// server's certificate.
	TLS, Verifies bool
	Local         bool // all its addresses are the machine's own
}

// clusters collects the clusters of a document. All are known if a bootstrap has them
// and no discovery service adds others.
func (w *finder) clusters(v *Value) {
	bootstrap := v.either("static_resources", "staticResources")
	if bootstrap == nil {
		return
	}
	w.knowsClusters = v.either("dynamic_resources", "dynamicResources").either("cds_config", "cdsConfig") == nil
	for _, item := range bootstrap.Get("clusters").List() {
		w.all = append(w.all, readCluster(item))
	}
}

func readCluster(v *Value) Cluster {
	c := Cluster{Name: v.Get("name").Str()}
	if socket := v.either("transport_socket", "transportSocket"); socket != nil {
		typed := socket.either("typed_config", "typedConfig")
		c.TLS = strings.HasSuffix(typed.Get("@type").Str(), ".UpstreamTlsContext")
		common := typed.either("common_tls_context", "commonTlsContext")
		for _, names := range [][2]string{
			{"validation_context", "validationContext"},
			{"combined_validation_context", "combinedValidationContext"},
			{"validation_context_sds_secret_config", "validationContextSdsSecretConfig"},
		} {
			c.Verifies = c.Verifies || common.either(names[0], names[1]) != nil
		}
	}
	addresses := addressesOf(v.either("load_assignment", "loadAssignment"))
	c.Local = len(addresses) > 0
	for _, address := range addresses {
		c.Local = c.Local && (address == "localhost" || address == "::1" || strings.HasPrefix(address, "127."))
	}
	return c
}

// addressesOf returns the socket addresses anywhere below v.
func addressesOf(v *Value) (all []string) {
	if v == nil {
		return nil
	}
	for _, m := range v.Members {
		if m.Name == "socket_address" || m.Name == "socketAddress" {
			all = append(all, m.Value.Get("address").Str())
			continue
		}
		all = append(all, addressesOf(m.Value)...)
	}
	for _, item := range v.Items {
		all = append(all, addressesOf(item)...)
	}
	return all
}
