//go:build wasm

package filter

import (
	"strings"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/policy/verdict"
)

// filterState is what is known of the host's filter state.
type filterState uint8

const (
	stateUntried filterState = iota
	stateWorks
	stateMissing // and the configuration does not ask for it
)

// startFilterState finds out whether the host has filter state, as far as it can be
// known without a request: Envoy answers NotFound here, and so does a host that has
// none. It reports false if the configuration asks for what the host does not have.
func (p *plugin) startFilterState() bool {
	if !p.policy.SetsState() {
		return true
	}
	switch setProperty("bearerauth.start", "") {
	case statusOK, statusNotFound:
		return true
	}
	return p.missFilterState()
}

// missFilterState reports whether the configuration can do without filter state, and
// logs the answer once.
func (p *plugin) missFilterState() bool {
	members := p.policy.StateMembers()
	if len(members) == 0 {
		p.filterState = stateMissing
		sdk.LogWarn("the host has no filter state: none is set")
		return true
	}
	if !p.stateLogged {
		p.stateLogged = true
		sdk.LogCritical("the host has no filter state, which the configuration asks for: " + strings.Join(members, ", "))
	}
	return false
}

// publishIdentity publishes the subject of a verified token; nil publishes nothing.
func (p *plugin) publishIdentity(id *verdict.Identity) bool { return id == nil || p.publish(id.State) }

// publish sets properties, which become filter state: bearerauth.sub becomes
// wasm.bearerauth.sub. Each name is a single path element: the host joins several
// with NUL, and such a name cannot be read.
//
// A refusal denies the request, with one exception: a host that never accepted a
// property and answers that it has no such call, or nothing to set it on.
func (p *plugin) publish(state [][2]string) bool {
	for _, s := range state {
		if p.filterState == stateMissing {
			return true
		}
		switch status := setProperty(s[0], s[1]); {
		case status == statusOK:
			p.filterState = stateWorks
		case p.filterState == stateWorks || status != statusUnimplemented && status != statusNotFound:
			return false
		case !p.missFilterState():
			return false
		}
	}
	return true
}
