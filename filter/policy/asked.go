package policy

// askedBy is a provider of JWTs that wants them introspected, too.
type askedBy struct {
	provider     int
	name, member string
}

// resolveAsked finds the introspectors that providers of JWTs name, once all are
// known. What has verified a JWT has chosen it: shapes and issuers do not count.
func (p *Policy) resolveAsked(by []askedBy, problems *problems) {
	for _, by := range by {
		found := false
		for _, i := range p.introspectors {
			if i.name == by.name {
				found = true
				if p.asked == nil {
					p.asked = map[int]*introspector{}
				}
				p.asked[by.provider] = i
			}
		}
		if !found {
			problems.add(by.member, "want the name of a provider of type introspection, got "+quote(by.name))
		}
	}
	for _, i := range p.introspectors {
		if i.onlyAfter && !p.isAsked(i) {
			problems.add(i.path, "want a provider of type jwt with introspect_after_verify, or nobody is asked by only_after_verify")
		}
		for _, issuer := range i.issuers {
			if !i.jwts {
				continue
			}
			if len(p.jwt.issuers[issuer]) > 0 {
				// Elsewhere, or where it is too long to be sent, its own keys would let a
				// JWT pass that the server has ended.
				problems.add(joinPath(i.path, "issuers"), "want issuers that no provider of type jwt has: their JWTs are the server's to judge, got "+quote(issuer))
			}
			if p.jwt.elsewhere == nil {
				p.jwt.elsewhere = map[string]bool{}
			}
			p.jwt.elsewhere[issuer] = true
		}
	}
}

func (p *Policy) isAsked(i *introspector) bool {
	for _, other := range p.asked {
		if other == i {
			return true
		}
	}
	return false
}
