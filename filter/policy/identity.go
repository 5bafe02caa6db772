package policy

import (
	"strings"

	"bearerauth/filter/jose"
)

// verifiedIdentity is an Identity and all that rules want to know of it. It is made
// once, when the token is verified.
type verifiedIdentity struct {
	Identity
	provider int         // index in Policy.providers
	facts    facts       // what rules ask, scopes among it
	headers  [][2]string // what the upstream is told
	lacking  bool        // a claim without which no request passes
}

// size is what an identity holds in memory, in bytes. Room for what a token does
// not say counts, too: a hundred claims that it lacks are kilobytes.
func (id *verifiedIdentity) size() int {
	n := 192 + len(id.Subject) + 8*len(id.facts) + 32*(cap(id.headers)+cap(id.State))
	for _, h := range id.headers {
		n += len(h[1])
	}
	for _, s := range id.State {
		n += len(s[1]) // perhaps the same text as in a header
	}
	return n
}

// told is where something is told: in a header, as filter state, or both.
type told struct{ header, state string }

func (t told) anywhere() bool { return t.header != "" || t.state != "" }

// tell leaves out what is empty: Envoy would log it as if it were a value.
func (id *verifiedIdentity) tell(t told, value string) {
	if value == "" {
		return
	}
	if t.header != "" {
		id.headers = append(id.headers, [2]string{t.header, value})
	}
	if t.state != "" {
		id.State = append(id.State, [2]string{t.state, value})
	}
}

// testimony is what a verified token says, whatever its kind. It borrows.
type testimony struct {
	provider int // index in Policy.providers
	name     string
	subject  string
	clientID string
	payload  string       // of a JWT, as received
	values   []jose.Value // by index in Policy.claimRefs; nil where absent
	scopes   []scopeClaim
}

// propagation is what is told of verified tokens, and to whom: headers tell the
// upstream, filter state the access log and other filters.
type propagation struct {
	subject        told
	providerName   told
	clientID       told
	payload        told
	scope          told
	payloadPadding bool
	clientClaims   [2]int // client_id and azp, in the claimTable
	claimHeaders   []claimHeader
	tokenHeader    string
	own            ownHeaders
	questions      questions // what rules ask of a token, which is found out with it
}

// identify copies what outlives the request. What nobody asks for is not copied:
// it would be most of what a new token costs.
func (p *propagation) identify(id *verifiedIdentity, t *testimony) {
	*id = verifiedIdentity{Identity: Identity{Provider: t.name}, provider: t.provider}
	if n := p.tellings(); n > 0 {
		id.headers = make([][2]string, 0, n)
	}
	if p.subject.anywhere() {
		id.Subject = headerText(t.subject)
		id.tell(p.subject, id.Subject)
	}
	id.tell(p.providerName, id.Provider)
	if p.clientID.anywhere() {
		id.tell(p.clientID, headerText(t.clientID))
	}
	if p.payload.anywhere() && t.payload != "" {
		payload := strings.Clone(t.payload)
		if p.payloadPadding {
			payload += "==="[:(4-len(payload)%4)%4]
		}
		id.tell(p.payload, payload)
	}
	p.takeScopes(id, t)
	if len(p.questions.claims) > 0 {
		p.questions.answer(id.facts, t.values)
	}
	for i := range p.claimHeaders {
		h := &p.claimHeaders[i]
		value := h.text(t.values[h.claim])
		if value == "" {
			id.lacking = id.lacking || h.deny
			value = h.byDefault
		}
		id.tell(h.told, value)
	}
}

// tellings is how many headers there can be.
func (p *propagation) tellings() int {
	n := 0
	for _, t := range []told{p.subject, p.providerName, p.clientID, p.payload} {
		if t.header != "" {
			n++
		}
	}
	for i := range p.claimHeaders {
		if p.claimHeaders[i].told.header != "" {
			n++
		}
	}
	return n
}

func (p *propagation) takeScopes(id *verifiedIdentity, t *testimony) {
	if p.questions.count > 0 {
		id.facts = make(facts, (p.questions.count+63)/64)
	}
	if len(p.questions.scopes) == 0 && !p.scope.anywhere() {
		return
	}
	var few [8]string
	list := few[:0]
	for i := range t.scopes {
		list = t.scopes[i].appendTo(list, t.values[t.scopes[i].claim])
	}
	for _, scope := range list {
		if bit, ok := p.questions.scopes[scope]; ok {
			id.facts.set(bit)
		}
	}
	if p.scope.anywhere() {
		id.tell(p.scope, headerText(strings.Join(list, " ")))
	}
}

// readIdentity reads what is told of verified tokens, and so which headers are
// the filter's own.
func (p *propagation) read(o *object, t *claimTable) {
	p.subject.header = p.own.read(o, "subject_header")
	if o.boolean("subject_filter_state", true) {
		p.subject.state = "bearerauth.sub"
	}
	p.tokenHeader = p.own.read(o, "token_header")
	p.providerName.header = p.own.read(o, "provider_header")
	p.clientID.header = p.own.read(o, "client_id_header")
	p.payload.header = p.own.read(o, "payload_header")
	p.payloadPadding = o.boolean("payload_padding", false)
	if o.has("payload_padding") && !o.has("payload_header") {
		o.wrong("payload_padding", "want it only with payload_header")
	}
	names := []string{"provider", "client_id", "scope", "payload"}
	for _, name := range o.strings("filter_state", func(s string) string {
		if !contains(names, s) {
			return "want one of " + strings.Join(names, ", ") + ", got " + quote(s)
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
	if p.clientID.anywhere() {
		p.clientClaims = [2]int{t.index("client_id"), t.index("azp")}
	}
	p.readClaimHeaders(o, t)
}

// read reads the name of a header that the filter sets. What a client sends under
// it is forged, on every path.
func (h *ownHeaders) read(o *object, member string) string {
	name := o.checked(member, "", wantOwnHeader)
	if name == "" {
		return ""
	}
	if h.have(name) {
		o.wrong(member, "want a header of its own: "+name+" is set for something else, too")
	}
	*h = append(*h, name)
	return name
}
