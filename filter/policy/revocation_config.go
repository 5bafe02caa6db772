package policy

import (
	"math"
	"strconv"
	"time"

	"bearerauth/filter/jose"
)

// readRevocations reads which tokens end before they expire, and where more of
// them are listed. It comes after the providers.
func readRevocations(o *object, t *claimTable, someJWTs bool, takes func(issuer string) bool) *revocations {
	n := o.get("revocations")
	if n == nil {
		return nil
	}
	c := asObject(n, o.problems)
	if c == nil {
		return nil
	}
	r := &revocations{jti: t.index("jti")}
	r.readInline(c, takes)
	c.checked("uri", "", func(s string) (why string) {
		r.source, why = parseURI(s)
		return why
	})
	r.source.cluster = c.checked("cluster", "", wantCluster)
	r.timeout = c.duration("timeout", 5*time.Second, 10*time.Millisecond, time.Minute)
	r.refresh = c.duration("refresh", 30*time.Second, time.Second, 24*time.Hour)
	r.maxStale = c.duration("max_stale", max(time.Hour, r.refresh), time.Second, 30*24*time.Hour)
	r.passStale = c.boolean("insecure_pass_when_stale", false)
	r.requireJTI = c.boolean("require_jti", false)
	if c.has("uri") {
		if !c.has("cluster") {
			c.wrong("cluster", "want the name of the Envoy cluster that leads to the list")
		}
		if r.maxStale < r.refresh {
			c.wrong("max_stale", "want at least as long as refresh: the list would be too old before it is fetched again")
		}
	} else {
		if !c.has("entries") {
			c.wrong("uri", "want entries, or a uri to fetch them from, or both")
		}
		for _, name := range []string{"cluster", "timeout", "refresh", "max_stale", "insecure_pass_when_stale"} {
			if c.has(name) {
				c.wrong(name, "want it only with uri")
			}
		}
	}
	if !someJWTs && len(o.problems.list) == 0 {
		o.problems.add(c.path, "want a provider of type jwt: only what such a provider has verified can be revoked here")
	}
	c.done()
	return r
}

func (r *revocations) readInline(o *object, takes func(issuer string) bool) {
	items := o.array("entries")
	if len(items) > maxRevocations {
		o.wrong("entries", "want at most "+strconv.Itoa(maxRevocations)+" entries")
		return
	}
	var reader jose.Reader
	before := len(o.problems.list)
	for _, item := range items {
		// By the code that reads them from the network.
		e, member, why := readRevocation(&reader, item.appendJSON(nil))
		switch {
		case why != "" && isMemberName(member):
			o.problems.add(joinPath(item.path, member), why)
		case why != "":
			o.problems.add(item.path, why)
		case before == 0 && e.by != byKeyOfAll && !takes(e.issuer):
			// Without a slash too many it would have ended somebody's token.
			o.problems.add(joinPath(item.path, "iss"), "no provider takes tokens of this issuer, got "+quote(e.issuer))
		default:
			r.entries = append(r.entries, e)
		}
	}
}

// readRevocation reads one entry, and returns what is wrong with which member.
// The entry borrows from item.
func readRevocation(r *jose.Reader, item jose.Value) (e revocation, member, why string) {
	if item.Kind() != '{' {
		return e, "", "want an object"
	}
	members, err := r.Object(item)
	if err != nil {
		return e, "", err.Error()
	}
	var has struct{ iss, before bool }
	e.before = math.Inf(1)
	names := 0
	for _, m := range members {
		name := string(m.Name)
		switch name {
		case "issued_before":
			var ok bool
			if e.before, ok = revocationTime(m.Value); !ok {
				return e, name, "want a time such as 2030-01-31T00:00:00Z, or seconds since 1970, until the year 9999"
			}
			has.before = true
			continue
		case "iss", "jti", "sub", "kid":
		default:
			return e, name, "unknown member: want one of iss, jti, sub, issued_before, kid"
		}
		text, ok := m.Value.Text()
		if !ok || len(text) == 0 {
			return e, name, "want a text of at least one character"
		}
		if name == "iss" {
			e.issuer, has.iss = borrow(text), true
			continue
		}
		names++
		e.name = borrow(text)
		switch name {
		case "jti":
			e.by = byJTI
		case "sub":
			e.by = bySubject
		case "kid":
			e.by = byKey
		}
	}
	switch {
	case names != 1:
		return e, "", "want exactly one of jti, sub and kid"
	case e.by == byKey && !has.iss:
		e.by = byKeyOfAll
	case !has.iss:
		return e, "iss", "want it, too: a jti or sub is one issuer's own, only a kid can do without"
	}
	if has.before != (e.by == bySubject) {
		return e, "issued_before", "want it with sub, and only with sub: tokens that were issued earlier are revoked"
	}
	return e, "", ""
}

// revocationTime reads RFC 3339 or RFC 7519's NumericDate.
func revocationTime(v jose.Value) (float64, bool) {
	text, ok := v.Text()
	if !ok {
		var c claims
		date := c.date(v)
		return date.seconds, date.set
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || !isStrictTime(string(text)) || t.Year() < 1970 {
		return 0, false
	}
	return seconds(t), true
}
