package policy

import (
	"regexp"
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// introspector is a provider whose tokens only the authorization server can read
// (RFC 7662). It never changes; what the server said is in a lookups.
type introspector struct {
	index    int // in Policy.introspectors
	provider int // in Policy.providers
	name     string
	endpoint endpoint
	timeout  time.Duration
	client   clientAuthentication
	hint     string // token_type_hint
	shape    tokenShape
	issuers  []string
	jwts     bool // is asked about JWTs of its issuers, too
	// onlyAfter: is asked only about JWTs that another provider has verified.
	onlyAfter bool

	positive, negative time.Duration // how long an answer holds
	stale              time.Duration // how much longer a good one does while the server is out
	calls              int           // at most under way at once, in one worker
	cacheBytes         int

	tokenPolicy
}

func (i *introspector) errand(key tokenKey) *Errand {
	// The call's own end comes first: it tells more.
	return &Errand{kind: errandToken, index: i.index, token: key, timeout: i.timeout + time.Second}
}

// tokenShape is what a token must look like to be sent to the server. Garbage
// that is told from tokens costs the server nothing.
type tokenShape struct {
	prefix      string
	least, most int
	expression  *regexp.Regexp
}

func (t *tokenShape) fits(token string) bool {
	return strings.HasPrefix(token, t.prefix) && len(token) >= t.least && len(token) <= t.most &&
		(t.expression == nil || t.expression.MatchString(token))
}

// answered is what a server said of a token. The rules are judged anew for
// every request.
type answered struct {
	identity Identity
	reason   Reason
	window   window
	until    float64 // asked again from then on
}

// lookup is a question about one token, whoever wants it answered.
type lookup struct {
	of    *introspector
	key   tokenKey
	token string
	known bool    // it was good the last time
	until float64 // nobody waits any longer
}

func newLookups(i *introspector) *lookups {
	return &lookups{
		of: i, asked: map[tokenKey]*lookup{},
		answers: newGenerations(i.cacheBytes, func(a *answered) int { return a.identity.size() }),
	}
}

// lookups is what is known of an introspector's tokens, and what is asked.
type lookups struct {
	of       *introspector
	answers  *generations[*answered]
	asked    map[tokenKey]*lookup // waiting or under way
	waiting  [2][]*lookup         // those of strangers, those of tokens that were good
	underWay int
	strange  int // of them, for strangers
	now      answeredNow
	// failedNow is a question that came to nothing in this moment: whoever waited
	// for it does not wait again.
	failedNow answeredNow
	shown     assertion
	refused   time.Time // when the server refused us last
	failed    time.Time // when a failure was logged last
}

// answeredNow is the newest answer, for the requests that waited for it: with a
// ttl of nothing it holds for the moment in which it came.
type answeredNow struct {
	key    tokenKey
	at     time.Time
	answer *answered
}

const (
	// What strangers send takes at most three quarters of the calls, so that
	// tokens which were good a moment ago get through a flood of garbage.
	strangersShare = 4
	maxLookups     = 1000
)

// look returns what is known of a token, or asks for it; nil and no wait: nobody
// can know.
func (l *lookups) look(key tokenKey, token string, now time.Time, mayWait bool) (a *answered, wait bool) {
	at := seconds(now)
	if l.now.answer != nil && l.now.key == key && l.now.at.Equal(now) {
		return l.now.answer, false
	}
	have, known := l.answers.get(key)
	if known && at < have.until {
		return have, false
	}
	failed := l.failedNow.key == key && l.failedNow.at.Equal(now)
	if mayWait && !failed {
		if _, asked := l.asked[key]; asked {
			return nil, true
		}
		if len(l.asked) < maxLookups {
			// Whatever is known of it, good or not, is asked about again.
			l.ask(key, token, known && have.reason == ReasonTokenValid, at)
			return nil, true
		}
	}
	// What it said of a good token not long ago holds while it cannot be asked,
	// where the configuration allows it.
	if failed && known && have.reason == ReasonTokenValid && at < have.until+l.of.stale.Seconds() {
		return have, false
	}
	return nil, false
}

func (l *lookups) ask(key tokenKey, token string, known bool, at float64) {
	q := &lookup{of: l.of, key: key, token: strings.Clone(token), known: known, until: at + l.of.timeout.Seconds()}
	l.asked[key] = q
	class := 0
	if known {
		class = 1
	}
	l.waiting[class] = append(l.waiting[class], q)
}

// due takes the questions that may be asked now.
func (l *lookups) due(s *State, now time.Time) (calls []Call) {
	at := seconds(now)
	for class := len(l.waiting) - 1; class >= 0; class-- {
		for len(l.waiting[class]) > 0 && l.underWay < l.of.calls {
			strange := class == 0
			if strange && l.strange >= max(1, l.of.calls*(strangersShare-1)/strangersShare) {
				break
			}
			q := l.waiting[class][0]
			l.waiting[class] = l.waiting[class][1:]
			if at >= q.until {
				delete(l.asked, q.key)
				continue
			}
			call, why := l.call(s, q, now)
			if why != "" {
				// Nobody can ask; whoever waits is told so when its time is over.
				delete(l.asked, q.key)
				continue
			}
			l.underWay++
			if strange {
				l.strange++
			}
			calls = append(calls, call)
		}
	}
	return calls
}

// call is the question as RFC 7662 section 2.1 has it: the token is in the body,
// never in the URL.
func (l *lookups) call(s *State, q *lookup, now time.Time) (call Call, why string) {
	body := appendForm(nil, "token", q.token)
	if l.of.hint != "" {
		body = appendForm(body, "token_type_hint", l.of.hint)
	}
	headers, body, why := l.of.client.add([][2]string{
		{"content-type", "application/x-www-form-urlencoded"}, {"accept", "application/json"},
	}, body, &l.shown, s, now)
	e := l.of.endpoint
	return Call{
		Cluster: e.cluster, Method: "POST", Scheme: e.scheme, Authority: e.authority, Path: e.path,
		Headers: headers, Body: body, Timeout: l.of.timeout, lookup: q, started: now,
	}, why
}

// appendForm appends one pair of application/x-www-form-urlencoded.
func appendForm(dst []byte, name, value string) []byte {
	if len(dst) > 0 {
		dst = append(dst, '&')
	}
	dst = append(dst, name...)
	dst = append(dst, '=')
	return appendFormValue(dst, value)
}

func appendFormValue(dst []byte, value string) []byte {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case isUnreserved(c) && c != '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// learn takes the server's answer.
func (l *lookups) learn(s *State, now time.Time, call Call, answer Answer) Learned {
	q := call.lookup
	delete(l.asked, q.key)
	l.underWay--
	if !q.known {
		l.strange--
	}
	learned := Learned{For: *l.of.errand(q.key), Settled: true}
	a, why := l.read(s, answer)
	if why != "" {
		learned.Failure = why
		// An outage is a failure at every request: one line a minute is enough.
		if learned.Log = now.Sub(l.failed) >= time.Minute; learned.Log {
			l.failed = now
		}
		l.failedNow = answeredNow{key: q.key, at: now}
		return learned
	}
	ttl := l.of.negative
	if a.reason == ReasonTokenValid {
		ttl = l.of.positive
	}
	a.until = min(seconds(now)+ttl.Seconds(), a.window.expires)
	l.now = answeredNow{q.key, now, a}
	l.answers.put(q.key, a)
	return learned
}

// read judges an answer: only active that is true, in a document that leaves
// nothing to interpretation, is a token (RFC 7662 section 2.2).
func (l *lookups) read(s *State, answer Answer) (*answered, string) {
	if why := badAnswer(answer); why != "" {
		return nil, why
	}
	media, _, _ := strings.Cut(headerValue(answer.Headers, "content-type"), ";")
	if strings.ToLower(trimOWS(media)) != "application/json" {
		return nil, "want application/json, got " + quote(media)
	}
	members, err := s.reader.Object(answer.Body)
	if err != nil {
		return nil, err.Error()
	}
	active := byte(0)
	for _, m := range members {
		if string(m.Name) == "active" {
			active = m.Value.Kind()
		}
	}
	switch active {
	case 'f':
		return &answered{reason: ReasonInactive, window: window{expires: latestDate}}, ""
	case 't':
		return s.introspected(l.of, members)
	}
	return nil, "want active to be true or false"
}

// introspected judges what the server says of an active token as if a JWT had
// said it.
func (s *State) introspected(i *introspector, members []jose.Member) (*answered, string) {
	p, c := s.policy, &s.claims
	c.reset(len(p.claimNames))
	for _, m := range members {
		p.take(c, m.Name, m.Value)
	}
	if c.malformed {
		return nil, "want claims of the types that RFC 7662 section 2.2 has"
	}
	p.resolve(c)
	a := &answered{window: i.window(c)}
	if a.reason = i.judgeClaims(c); a.reason != ReasonTokenValid {
		return a, ""
	}
	if len(i.issuers) > 0 && !(c.hasIssuer && contains(i.issuers, c.issuer)) {
		a.reason = ReasonWrongIssuer
		return a, ""
	}
	said := testimony{provider: i.provider, subject: c.subject, values: c.values, scopes: i.scopes, clientID: p.clientIDOf(c)}
	p.identify(&a.identity, &said)
	return a, ""
}

// introspectorOf is who can tell what a token is, nil where that is nobody. A
// JWT is sent out only on purpose, and only one of an issuer that is known.
func (p *Policy) introspectorOf(s *State, c *credential) *introspector {
	jwt := isJWTShaped(c.token)
	issuer := ""
	if jwt {
		if !p.introspectsJWTs {
			return nil
		}
		if issuer = s.issuerOf(c.token); issuer == "" {
			return nil
		}
	}
	for _, i := range p.introspectors {
		if i.onlyAfter || !p.places[i.provider].has(c.location) || jwt && !(i.jwts && contains(i.issuers, issuer)) {
			continue
		}
		if i.shape.fits(c.token) {
			return i
		}
	}
	return nil
}

// isJWTShaped: three parts and nothing empty. Five parts are encrypted, and so
// opaque to us.
func isJWTShaped(token string) bool {
	first := strings.IndexByte(token, '.')
	if first <= 0 {
		return false
	}
	second := strings.IndexByte(token[first+1:], '.')
	return second > 0 && strings.IndexByte(token[first+second+2:], '.') < 0
}

// issuerOf reads the issuer that a token names. Nobody has verified it: it only
// chooses whom to ask.
func (s *State) issuerOf(token string) string {
	m, err := s.parser.Parse(token)
	if err != nil {
		return ""
	}
	for _, member := range m.Claims {
		if string(member.Name) == "iss" {
			text, _ := member.Value.Text()
			return borrow(text)
		}
	}
	return ""
}

// introspect asks what a token is, or remembers.
func (p *Policy) introspect(s *State, i *introspector, c *credential, now time.Time, mayWait bool) verification {
	key := c.key
	if !c.hasKey {
		key = s.cache.key.sum(c.token)
	}
	l := s.lookups[i.index]
	a, wait := l.look(key, c.token, now, mayWait)
	switch {
	case wait:
		return verification{reason: ReasonIntrospectionUnavailable, wait: i.errand(key)}
	case a == nil:
		return verification{reason: ReasonIntrospectionUnavailable}
	case a.reason != ReasonTokenValid:
		return verification{reason: a.reason}
	}
	return verification{id: &a.identity, reason: a.window.judge(seconds(now))}
}
