package jwks

import (
	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
)

// discovered reads an OpenID Provider's configuration (OpenID Connect Discovery
// 1.0 section 4) and returns where its keys are, or what was wrong.
func (k *Source) readDiscovery(a fetch.Answer) (config.Endpoint, string) {
	if why := fetch.BadAnswer(a); why != "" {
		return config.Endpoint{}, why
	}
	issuer, uri := "", ""
	err := jose.ReadObject(a.Body, func(name []byte, value jose.Value) error {
		text, _ := value.Text()
		switch string(name) {
		case "issuer":
			issuer = string(text)
		case "jwks_uri":
			uri = string(text)
		}
		return nil
	})
	if err != nil {
		return config.Endpoint{}, err.Error()
	}
	// Section 4.3: the document must be this issuer's, octet by octet.
	if issuer != k.issuer {
		return config.Endpoint{}, "want the issuer " + config.Quote(k.issuer) + ", got " + config.Quote(issuer)
	}
	e, why := config.ParseURI(uri)
	if why != "" {
		return config.Endpoint{}, "jwks_uri: " + why
	}
	switch cluster, ok := k.clusters[e.Authority]; {
	case e.Scheme != "https" && k.discovery.Scheme == "https":
		return config.Endpoint{}, "jwks_uri: want https, as the issuer has it"
	case ok:
		e.Cluster = cluster
	case e.Authority == k.discovery.Authority && e.Scheme == k.discovery.Scheme:
		e.Cluster = k.discovery.Cluster
	default:
		return config.Endpoint{}, "the keys are at " + config.Quote(e.Authority) + ": want a cluster for it in jwks_clusters"
	}
	return e, ""
}
