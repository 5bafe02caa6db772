package policy

import (
	"strconv"
	"strings"

	"bearerauth/filter/policy/config"
)

// Summary says in one line what is in force: the providers, the rules, and what upstreams
// get.
func (p *Policy) Summary() string {
	var parts []string
	for i, name := range p.providers {
		parts = append(parts, "provider "+name+" ("+p.describe(i)+")")
	}
	shadow := 0
	for _, r := range p.rules {
		if r.shadow {
			shadow++
		}
	}
	rules := strconv.Itoa(len(p.rules)) + " rules"
	if shadow > 0 {
		rules += ", " + strconv.Itoa(shadow) + " in shadow"
	}
	upstreams := "upstreams get no header"
	if len(p.propagation.Owned) > 0 {
		upstreams = "upstreams get " + strings.Join(p.propagation.Owned, ", ")
	}
	if p.forwardAuthorization {
		upstreams += " and the token"
	}
	return config.Cut("in force: "+strings.Join(parts, ", ")+"; "+rules+"; "+upstreams, 1024)
}

// describe returns the type of a provider, and its tokens or the source of its keys.
func (p *Policy) describe(index int) string {
	if n := p.static.Count(index); n >= 0 {
		return "static, " + strconv.Itoa(n) + " tokens"
	}
	for _, server := range p.servers {
		if server.Provides(index) {
			return "introspection through cluster " + config.Quote(server.Cluster())
		}
	}
	return "jwt, " + p.jwt.DescribeKeys(index)
}
