package importer

import "encoding/json"

// The part of Envoy Gateway's API that is read here. Its own module would bring
// Kubernetes with it. Decoding is strict, so what these types do not have is an
// error.

type securityPolicy struct {
	TargetRef       json.RawMessage `json:"targetRef"`
	TargetRefs      json.RawMessage `json:"targetRefs"`
	TargetSelectors json.RawMessage `json:"targetSelectors"`
	MergeType       json.RawMessage `json:"mergeType"`

	JWT           *gatewayJWT           `json:"jwt"`
	APIKeyAuth    *gatewayAPIKeys       `json:"apiKeyAuth"`
	Authorization *gatewayAuthorization `json:"authorization"`
	CORS          *gatewayCORS          `json:"cors"`

	CSRF      json.RawMessage `json:"csrf"`
	BasicAuth json.RawMessage `json:"basicAuth"`
	OIDC      json.RawMessage `json:"oidc"`
	ExtAuth   json.RawMessage `json:"extAuth"`
}

type gatewayJWT struct {
	Optional  bool                 `json:"optional"`
	FailOpen  bool                 `json:"failOpen"`
	Providers []gatewayJWTProvider `json:"providers"`
}

type gatewayJWTProvider struct {
	Name       string   `json:"name"`
	Issuer     string   `json:"issuer"`
	Audiences  []string `json:"audiences"`
	RemoteJWKS *struct {
		URI                   string          `json:"uri"`
		CacheDuration         string          `json:"cacheDuration"`
		FailedRefetchDuration string          `json:"failedRefetchDuration"`
		BackendRef            json.RawMessage `json:"backendRef"`
		BackendRefs           json.RawMessage `json:"backendRefs"`
		BackendSettings       json.RawMessage `json:"backendSettings"`
	} `json:"remoteJWKS"`
	LocalJWKS *struct {
		Type     string      `json:"type"`
		Inline   string      `json:"inline"`
		ValueRef *gatewayRef `json:"valueRef"`
	} `json:"localJWKS"`
	ClaimToHeaders []struct {
		Header string `json:"header"`
		Claim  string `json:"claim"`
	} `json:"claimToHeaders"`
	RecomputeRoute bool `json:"recomputeRoute"`
	ExtractFrom    struct {
		Headers []struct {
			Name        string `json:"name"`
			ValuePrefix string `json:"valuePrefix"`
		} `json:"headers"`
		Cookies []string `json:"cookies"`
		Params  []string `json:"params"`
	} `json:"extractFrom"`
}

// gatewayRef names another resource.
type gatewayRef struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type gatewayAPIKeys struct {
	CredentialRefs []gatewayRef `json:"credentialRefs"`
	ExtractFrom    []struct {
		Headers []string `json:"headers"`
		Params  []string `json:"params"`
		Cookies []string `json:"cookies"`
	} `json:"extractFrom"`
	ForwardClientIDHeader string `json:"forwardClientIDHeader"`
	Sanitize              bool   `json:"sanitize"`
}

type gatewayAuthorization struct {
	DefaultAction string        `json:"defaultAction"`
	Rules         []gatewayRule `json:"rules"`
}

type gatewayRule struct {
	Name      string `json:"name"`
	Action    string `json:"action"`
	CEL       string `json:"cel"`
	Operation struct {
		Methods []string `json:"methods"`
		Path    *struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"path"`
	} `json:"operation"`
	Principal struct {
		ClientCIDRs          []string        `json:"clientCIDRs"`
		ClientIPGeoLocations json.RawMessage `json:"clientIPGeoLocations"`
		JWT                  *struct {
			Provider string   `json:"provider"`
			Scopes   []string `json:"scopes"`
			Claims   []struct {
				Name      string   `json:"name"`
				ValueType string   `json:"valueType"`
				Values    []string `json:"values"`
			} `json:"claims"`
		} `json:"jwt"`
		Headers []struct {
			Name   string   `json:"name"`
			Values []string `json:"values"`
		} `json:"headers"`
	} `json:"principal"`
}

type gatewayCORS struct {
	AllowOrigins     []string `json:"allowOrigins"`
	AllowMethods     []string `json:"allowMethods"`
	AllowHeaders     []string `json:"allowHeaders"`
	ExposeHeaders    []string `json:"exposeHeaders"`
	MaxAge           string   `json:"maxAge"`
	AllowCredentials bool     `json:"allowCredentials"`
}
