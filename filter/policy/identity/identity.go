// Package identity has what is kept of a verified token: its subject, the facts that
// rules ask for, and what upstreams and other filters receive (Propagation). An Identity
// never changes.
package identity

import (
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Identity is what is kept of a verified token. It is made once, when the token is
// verified, and borrows nothing from the token.
type Identity struct {
	verdict.Identity
	Index      int         // of the provider, in the sorted list of all providers
	Facts      Facts       // answers to what the rules ask
	Headers    [][2]string // for the upstream
	LacksClaim bool        // a claim with "missing": "deny" is absent: no request may pass
}

// Size returns the memory of an identity in bytes. Unused capacity counts, too: for a
// hundred claims that the token lacks it is kilobytes.
func (id *Identity) Size() int {
	n := 192 + len(id.Subject) + 8*len(id.Facts) + 32*(cap(id.Headers)+cap(id.State))
	for _, h := range id.Headers {
		n += len(h[1])
	}
	for _, s := range id.State {
		n += len(s[1]) // counted twice if a header shares the text
	}
	return n
}

// target is where a value is propagated: a header, a filter state, or both. "" is none.
type target struct{ header, state string }

func (t target) set() bool { return t.header != "" || t.state != "" }

// propagate adds a value. It omits an empty value, which Envoy would log as a value.
func (id *Identity) propagate(to target, value string) {
	if value == "" {
		return
	}
	if to.header != "" {
		id.Headers = append(id.Headers, [2]string{to.header, value})
	}
	if to.state != "" {
		id.State = append(id.State, [2]string{to.state, value})
	}
}

// Source is what a verified token of any type says. It borrows from the token.
type Source struct {
	Provider     int // index in the sorted list of all providers
	ProviderName string
	Subject      string
	ClientID     string
	Payload      string              // of a JWT, in base64url as received; else ""
	Values       []jose.Value        // by index of claims.Table; nil where absent
	Scopes       []claims.ScopeClaim // the claims that have the scopes
}

// Propagation is the configuration of what is propagated of a verified token: by headers
// to the upstream, and by filter state to the access log and to other filters.
type Propagation struct {
	subject        target
	providerName   target
	clientID       target
	payload        target
	scope          target
	payloadPadding bool
	clientIDClaims [2]int // client_id and azp, in the claims.Table
	claimHeaders   []claimHeader
	TokenHeader    string       // header for the token itself; "": none
	Owned          OwnedHeaders // all headers that the filter sets
	Questions      questions    // what the rules ask of a token
	StateMembers   []string     // the members of the configuration that ask for filter state
}

// Identify makes the identity of a verified token. It copies only what the configuration
// asks for: copies would be most of the cost of a new token.
func (p *Propagation) Identify(id *Identity, source *Source) {
	*id = Identity{Identity: verdict.Identity{Provider: source.ProviderName}, Index: source.Provider}
	if n := p.maxHeaders(); n > 0 {
		id.Headers = make([][2]string, 0, n)
	}
	if p.subject.set() {
		id.Subject = claims.HeaderText(source.Subject)
		id.propagate(p.subject, id.Subject)
	}
	id.propagate(p.providerName, id.Provider)
	if p.clientID.set() {
		id.propagate(p.clientID, claims.HeaderText(source.ClientID))
	}
	if p.payload.set() && source.Payload != "" {
		payload := strings.Clone(source.Payload)
		if p.payloadPadding {
			payload += "==="[:(4-len(payload)%4)%4]
		}
		id.propagate(p.payload, payload)
	}
	p.setScopes(id, source)
	if len(p.Questions.claims) > 0 {
		p.Questions.answer(id.Facts, source.Values)
	}
	for i := range p.claimHeaders {
		h := &p.claimHeaders[i]
		value := h.text(source.Values[h.claim])
		if value == "" {
			id.LacksClaim = id.LacksClaim || h.deny
			value = h.defaultText
		}
		id.propagate(h.target, value)
	}
}

// maxHeaders is the greatest number of headers that an identity can have.
func (p *Propagation) maxHeaders() int {
	n := 0
	for _, t := range []target{p.subject, p.providerName, p.clientID, p.payload} {
		if t.header != "" {
			n++
		}
	}
	for i := range p.claimHeaders {
		if p.claimHeaders[i].target.header != "" {
			n++
		}
	}
	return n
}

// setScopes adds the facts about scopes, and propagates the scopes.
func (p *Propagation) setScopes(id *Identity, source *Source) {
	if p.Questions.count > 0 {
		id.Facts = make(Facts, (p.Questions.count+63)/64)
	}
	if len(p.Questions.scopes) == 0 && !p.scope.set() {
		return
	}
	var few [8]string
	list := few[:0]
	for i := range source.Scopes {
		list = source.Scopes[i].AppendTo(list, source.Values[source.Scopes[i].Claim])
	}
	for _, scope := range list {
		if bit, ok := p.Questions.scopes[scope]; ok {
			id.Facts.add(bit)
		}
	}
	if p.scope.set() {
		id.propagate(p.scope, claims.HeaderText(strings.Join(list, " ")))
	}
}

// Read reads the members that propagate tokens, and so the OwnedHeaders. Problems go to
// o.
func (p *Propagation) Read(o *config.Object, t *claims.Table) {
	p.subject.header = p.Owned.read(o, "subject_header")
	if o.Boolean("subject_filter_state", true) {
		p.subject.state = "bearerauth.sub"
		p.askForState(o, "subject_filter_state")
	}
	p.TokenHeader = p.Owned.read(o, "token_header")
	p.providerName.header = p.Owned.read(o, "provider_header")
	p.clientID.header = p.Owned.read(o, "client_id_header")
	p.payload.header = p.Owned.read(o, "payload_header")
	p.payloadPadding = o.Boolean("payload_padding", false)
	if o.Has("payload_padding") && !o.Has("payload_header") {
		o.Wrong("payload_padding", "allowed only with payload_header")
	}
	known := []string{"provider", "client_id", "scope", "payload"}
	names := o.Strings("filter_state", func(s string) string {
		if !syntax.Contains(known, s) {
			return "want one of " + strings.Join(known, ", ") + ", got " + config.Quote(s)
		}
		return ""
	})
	for _, name := range names {
		switch name {
		case "provider":
			p.providerName.state = "bearerauth.provider"
		case "client_id":
			p.clientID.state = "bearerauth.client_id"
		case "scope":
			p.scope.state = "bearerauth.scope"
		case "payload":
			p.payload.state = "bearerauth.payload"
		}
	}
	if len(names) > 0 {
		p.askForState(o, "filter_state")
	}
	if p.clientID.set() {
		p.clientIDClaims = [2]int{t.Index("client_id"), t.Index("azp")}
	}
	p.readClaimHeaders(o, t)
}

// SetsState reports whether filter state is set for every verified token.
func (p *Propagation) SetsState() bool { return p.subject.state != "" || len(p.StateMembers) > 0 }

// askForState notes a member that asks for filter state. The default of a member asks for
// nothing.
func (p *Propagation) askForState(o *config.Object, member string) {
	if o.Has(member) {
		p.StateMembers = append(p.StateMembers, o.At(member))
	}
}

// read reads the name of a header that the filter sets. A client that sends this header
// forges it, on every path.
func (h *OwnedHeaders) read(o *config.Object, member string) string {
	name := o.Checked(member, "", config.WantOwnHeader)
	if name == "" {
		return ""
	}
	if h.Contains(name) {
		o.Wrong(member, "want another header: "+name+" is already set by another member")
	}
	*h = append(*h, name)
	return name
}

// ClientIDOf returns client_id (RFC 9068, RFC 7662), or azp (OpenID Connect) if the token
// has no client_id. It is "" if no client ID is propagated. Claims.Resolve must have been
// called.
func (p *Propagation) ClientIDOf(c *claims.Claims) string {
	if !p.clientID.set() {
		return ""
	}
	value := c.Values[p.clientIDClaims[0]]
	if value == nil {
		value = c.Values[p.clientIDClaims[1]]
	}
	text, _ := value.Text()
	return syntax.Borrow(text)
}
