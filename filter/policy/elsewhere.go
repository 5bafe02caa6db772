package policy

import (
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/introspection"
)

// askedBy is a provider of JWTs that wants them introspected, too.
type askedBy struct {
	provider     int
	name, member string
}

// resolveAsked finds the introspectors that providers of JWTs name, once all are
// known. What has verified a JWT has chosen it: shapes and issuers do not count.
func (p *Policy) resolveAsked(by []askedBy, problems *config.Problems) {
	for _, by := range by {
		found := false
		for _, i := range p.introspectors {
			if i.Name == by.name {
				found = true
				if p.introspectedBy == nil {
					p.introspectedBy = map[int]*introspection.Server{}
				}
				p.introspectedBy[by.provider] = i
			}
		}
		if !found {
			problems.Add(by.member, "want the name of a provider of type introspection, got "+config.Quote(by.name))
		}
	}
	for _, i := range p.introspectors {
		if i.OnlyAfter && !p.isAsked(i) {
			problems.Add(i.Path, "want a provider of type jwt with introspect_after_verify, or nobody is asked by only_after_verify")
		}
		for _, issuer := range i.Issuers {
			if !i.Jwts {
				continue
			}
			if len(p.jwt.Issuers[issuer]) > 0 {
				// Elsewhere, or where it is too long to be sent, its own keys would let a
				// JWT pass that the server has ended.
				problems.Add(config.JoinPath(i.Path, "issuers"), "want issuers that no provider of type jwt has: their JWTs are the server's to judge, got "+config.Quote(issuer))
			}
			if p.jwt.Elsewhere == nil {
				p.jwt.Elsewhere = map[string]bool{}
			}
			p.jwt.Elsewhere[issuer] = true
		}
	}
}

func (p *Policy) isAsked(i *introspection.Server) bool {
	for _, other := range p.introspectedBy {
		if other == i {
			return true
		}
	}
	return false
}
