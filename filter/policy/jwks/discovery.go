package jwks

import (
	"bearerauth/filter/jose"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
)

// readDiscovery reads an OpenID Provider's metadata (OpenID Connect Discovery 1.0 section
// 4) and returns the endpoint of its keys, or the problem.
func (source *Source) readDiscovery(a fetch.Answer) (config.Endpoint, string) {
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
	// The issuer must be equal byte for byte (section 4.3).
	if issuer != source.issuer {
		return config.Endpoint{}, "want the issuer " + config.Quote(source.issuer) + ", got " + config.Quote(issuer)
	}
	e, why := config.ParseURI(uri)
	if why != "" {
		return config.Endpoint{}, "jwks_uri: " + why
	}
	switch cluster, ok := source.clusters[e.Authority]; {
	case e.Scheme != "https" && source.discovery.Scheme == "https":
		return config.Endpoint{}, "jwks_uri: want https, as in the issuer"
	case ok:
		e.Cluster = cluster
	case e.Authority == source.discovery.Authority && e.Scheme == source.discovery.Scheme:
		e.Cluster = source.discovery.Cluster
	default:
		return config.Endpoint{}, "the keys are at " + config.Quote(e.Authority) + ": want a cluster for it in jwks_clusters"
	}
	return e, ""
}
