package policy

import (
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/introspection"
)

// introspectAfter is the member introspect_after_verify of a provider of JWTs.
type introspectAfter struct {
	provider int    // index of the provider
	server   string // name of the introspection provider
	path     string // of the member
}

// resolveIntrospection finds the servers that introspect_after_verify names, once all
// providers were read. The token_prefix and issuers of such a server do not matter: the
// provider that has verified a JWT decides. It also finds the issuers whose JWTs only a
// server may judge. Without complete, some
// provider has problems.
func (p *Policy) resolveIntrospection(all []introspectAfter, complete bool, problems *config.Problems) {
	for _, after := range all {
		found := false
		for _, server := range p.servers {
			if server.Name == after.server {
				found = true
				if p.introspectAfter == nil {
					p.introspectAfter = map[int]*introspection.Server{}
				}
				p.introspectAfter[after.provider] = server
			}
		}
		if !found && complete {
			complete = false
			problems.Add(after.path, "want the name of a provider of type introspection, got "+config.Quote(after.server))
		}
	}
	for _, server := range p.servers {
		if complete && server.OnlyAfterVerify && !p.introspectsAfter(server) {
			problems.Add(server.Path, "want a provider of type jwt that names this provider in introspect_after_verify: otherwise only_after_verify sends no token")
		}
		for _, issuer := range server.Issuers {
			if !server.TakesJWTs {
				continue
			}
			if p.jwt.HasIssuer(issuer) {
				// At another location, or with a token too long to be sent, the keys of the
				// provider would accept a JWT that the server has revoked.
				problems.Add(config.JoinPath(server.Path, "issuers"), "want issuers of no provider of type jwt: only the server decides about their JWTs, got "+config.Quote(issuer))
			}
			p.jwt.Exclude(issuer)
		}
	}
}

// introspectsAfter reports whether a provider of JWTs names this server.
func (p *Policy) introspectsAfter(server *introspection.Server) bool {
	for _, other := range p.introspectAfter {
		if other == server {
			return true
		}
	}
	return false
}
