// Package identity is what is kept of a verified token: the subject, the facts that
// rules ask for, and what upstreams and other filters receive (Propagation). An
// Identity never changes.
package identity

import (
	"strings"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
	"bearerauth/filter/policy/verdict"
)

// Identity is an Identity and all that rules want to know of it. It is made
// once, when the token is verified.
type Identity struct {
	verdict.Identity
	Index      int         // index in Policy.providers
	Facts      Facts       // what rules ask, scopes among it
	Headers    [][2]string // what the upstream is told
	LacksClaim bool        // a claim without which no request passes
}

// Size is what an identity holds in memory, in bytes. Room for what a token does
// not say counts, too: a hundred claims that it lacks are kilobytes.
func (id *Identity) Size() int {
	n := 192 + len(id.Subject) + 8*len(id.Facts) + 32*(cap(id.Headers)+cap(id.State))
	for _, h := range id.Headers {
		n += len(h[1])
	}
	for _, s := range id.State {
		n += len(s[1]) // perhaps the same text as in a header
	}
	return n
}

// told is where something is told: in a header, as filter state, or both.
type target struct{ header, state string }

func (t target) set() bool { return t.header != "" || t.state != "" }

// tell leaves out what is empty: Envoy would log it as if it were a value.
func (id *Identity) propagate(t target, value string) {
	if value == "" {
		return
	}
	if t.header != "" {
		id.Headers = append(id.Headers, [2]string{t.header, value})
	}
	if t.state != "" {
		id.State = append(id.State, [2]string{t.state, value})
	}
}

// Source is what a verified token says, whatever its kind. It borrows.
type Source struct {
	Provider int // index in Policy.providers
	Name     string
	Subject  string
	ClientID string
	Payload  string       // of a JWT, as received
	Values   []jose.Value // by index in Policy.claimRefs; nil where absent
	Scopes   []claims.ScopeClaim
}

// Propagation is what is told of verified tokens, and to whom: headers tell the
// upstream, filter state the access log and other filters.
type Propagation struct {
	subject        target
	providerName   target
	clientID       target
	payload        target
	scope          target
	payloadPadding bool
	clientIDClaims [2]int // client_id and azp, in the claimTable
	claimHeaders   []claimHeader
	TokenHeader    string
	Owned          OwnedHeaders
	Questions      questions // what rules ask of a token, which is found out with it
}

// Identify copies what outlives the request. What nobody asks for is not copied:
// it would be most of what a new token costs.
func (p *Propagation) Identify(id *Identity, t *Source) {
	*id = Identity{Identity: verdict.Identity{Provider: t.Name}, Index: t.Provider}
	if n := p.maxHeaders(); n > 0 {
		id.Headers = make([][2]string, 0, n)
	}
	if p.subject.set() {
		id.Subject = claims.HeaderText(t.Subject)
		id.propagate(p.subject, id.Subject)
	}
	id.propagate(p.providerName, id.Provider)
	if p.clientID.set() {
		id.propagate(p.clientID, claims.HeaderText(t.ClientID))
	}
	if p.payload.set() && t.Payload != "" {
		payload := strings.Clone(t.Payload)
		if p.payloadPadding {
			payload += "==="[:(4-len(payload)%4)%4]
		}
		id.propagate(p.payload, payload)
	}
	p.takeScopes(id, t)
	if len(p.Questions.Claims) > 0 {
		p.Questions.answer(id.Facts, t.Values)
	}
	for i := range p.claimHeaders {
		h := &p.claimHeaders[i]
		value := h.text(t.Values[h.claim])
		if value == "" {
			id.LacksClaim = id.LacksClaim || h.deny
			value = h.defaultText
		}
		id.propagate(h.target, value)
	}
}

// tellings is how many headers there can be.
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

func (p *Propagation) takeScopes(id *Identity, t *Source) {
	if p.Questions.Count > 0 {
		id.Facts = make(Facts, (p.Questions.Count+63)/64)
	}
	if len(p.Questions.scopes) == 0 && !p.scope.set() {
		return
	}
	var few [8]string
	list := few[:0]
	for i := range t.Scopes {
		list = t.Scopes[i].AppendTo(list, t.Values[t.Scopes[i].Claim])
	}
	for _, scope := range list {
		if bit, ok := p.Questions.scopes[scope]; ok {
			id.Facts.Set(bit)
		}
	}
	if p.scope.set() {
		id.propagate(p.scope, claims.HeaderText(strings.Join(list, " ")))
	}
}

// readIdentity reads what is told of verified tokens, and so which headers are
// the filter's own.
func (p *Propagation) Read(o *config.Object, t *claims.Table) {
	p.subject.header = p.Owned.read(o, "subject_header")
	if o.Boolean("subject_filter_state", true) {
		p.subject.state = "bearerauth.sub"
	}
	p.TokenHeader = p.Owned.read(o, "token_header")
	p.providerName.header = p.Owned.read(o, "provider_header")
	p.clientID.header = p.Owned.read(o, "client_id_header")
	p.payload.header = p.Owned.read(o, "payload_header")
	p.payloadPadding = o.Boolean("payload_padding", false)
	if o.Has("payload_padding") && !o.Has("payload_header") {
		o.Wrong("payload_padding", "want it only with payload_header")
	}
	names := []string{"provider", "client_id", "scope", "payload"}
	for _, name := range o.Strings("filter_state", func(s string) string {
		if !syntax.Contains(names, s) {
			return "want one of " + strings.Join(names, ", ") + ", got " + config.Quote(s)
		}
		return ""
	}) {
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
	if p.clientID.set() {
		p.clientIDClaims = [2]int{t.Index("client_id"), t.Index("azp")}
	}
	p.readClaimHeaders(o, t)
}

// read reads the name of a header that the filter sets. What a client sends under
// it is forged, on every path.
func (h *OwnedHeaders) read(o *config.Object, member string) string {
	name := o.Checked(member, "", config.WantOwnHeader)
	if name == "" {
		return ""
	}
	if h.Contains(name) {
		o.Wrong(member, "want a header of its own: "+name+" is set for something else, too")
	}
	*h = append(*h, name)
	return name
}

// ClientIDOf is client_id, as RFC 9068 and RFC 7662 have it, or OpenID Connect's
// azp. Where both are there, one alone counts, whatever it is.
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
