package revocation

import (
	"math"
	"strconv"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/syntax"
)

// Read reads the member revocations, nil without one. someJWTs reports whether a
// provider verifies JWTs, and takes whether a provider accepts tokens of an issuer: the
// providers must have been read. Problems go to o.
func Read(o *config.Object, table *claims.Table, someJWTs bool, takes func(issuer string) bool) *Revocations {
	n := o.Get("revocations")
	if n == nil {
		return nil
	}
	c := config.AsObject(n, o.Problems)
	if c == nil {
		return nil
	}
	r := &Revocations{jtiClaim: table.Index("jti")}
	r.readInline(c, takes)
	c.Checked("uri", "", func(s string) (why string) {
		r.Source, why = config.ParseURI(s)
		return why
	})
	r.Source.Cluster = c.Checked("cluster", "", jwks.WantCluster)
	r.timeout = c.Duration("timeout", 5*time.Second, 10*time.Millisecond, time.Minute)
	r.refresh = c.Duration("refresh", 30*time.Second, time.Second, 24*time.Hour)
	r.maxStale = c.Duration("max_stale", max(time.Hour, r.refresh), time.Second, 30*24*time.Hour)
	r.passWhenStale = c.Boolean("insecure_pass_when_stale", false)
	r.requireJTI = c.Boolean("require_jti", false)
	if c.Has("uri") {
		if !c.Has("cluster") {
			c.Wrong("cluster", "want the name of the Envoy cluster of the list")
		}
		if r.maxStale < r.refresh && !c.Broken("refresh") {
			c.Wrong("max_stale", "want at least refresh: otherwise the list expires before it is fetched again")
		}
	} else {
		if !c.Has("entries") {
			c.Wrong("uri", "want entries, or a uri to fetch them from, or both")
		}
		for _, name := range []string{"cluster", "timeout", "refresh", "max_stale", "insecure_pass_when_stale"} {
			if c.Has(name) {
				c.Wrong(name, "allowed only with uri")
			}
		}
	}
	if !someJWTs && len(o.Problems.List) == 0 {
		o.Problems.Add(c.Path, "want a provider of type jwt: only its tokens can be revoked")
	}
	c.Done()
	return r
}

func (r *Revocations) readInline(o *config.Object, takes func(issuer string) bool) {
	items := o.Array("entries")
	if len(items) > maxRevocations {
		o.Wrong("entries", "want at most "+strconv.Itoa(maxRevocations)+" entries")
		return
	}
	var reader jose.Reader
	before := len(o.Problems.List)
	for _, item := range items {
		// The same code reads a fetched list.
		e, member, why := readEntry(&reader, item.AppendJSON(nil))
		switch {
		case why != "" && config.IsMemberName(member):
			o.Problems.Add(config.JoinPath(item.Path, member), why)
		case why != "":
			o.Problems.Add(item.Path, why)
		case before == 0 && e.kind != byKeyOfAnyIssuer && !takes(e.issuer):
			// The entry would have no effect, and the token that it means would pass.
			o.Problems.Add(config.JoinPath(item.Path, "iss"), "no provider accepts tokens of this issuer, got "+config.Quote(e.issuer))
		default:
			r.entries = append(r.entries, e)
		}
	}
}

// readEntry reads an entry, or returns the problem and the member that has it. The entry
// borrows from item.
func readEntry(r *jose.Reader, item jose.Value) (e entry, member, why string) {
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
			if e.before, ok = readTime(m.Value); !ok {
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
			return e, name, "want a string of at least one character"
		}
		if name == "iss" {
			e.issuer, has.iss = syntax.Borrow(text), true
			continue
		}
		names++
		e.name = syntax.Borrow(text)
		switch name {
		case "jti":
			e.kind = byJTI
		case "sub":
			e.kind = bySubject
		case "kid":
			e.kind = byKey
		}
	}
	switch {
	case names != 1:
		return e, "", "want exactly one of jti, sub and kid"
	case e.kind == byKey && !has.iss:
		e.kind = byKeyOfAnyIssuer
	case !has.iss:
		return e, "iss", "required with jti and sub: their values are unique only for one issuer"
	}
	if has.before != (e.kind == bySubject) {
		return e, "issued_before", "required with sub and allowed only with sub: tokens issued earlier are revoked"
	}
	return e, "", ""
}

// readTime reads a time of RFC 3339 or a NumericDate of RFC 7519.
func readTime(v jose.Value) (float64, bool) {
	text, ok := v.Text()
	if !ok {
		date := claims.ReadNumericDate(v)
		return date.Seconds, date.Set
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || !config.IsStrictTime(string(text)) || t.Year() < 1970 {
		return 0, false
	}
	return fetch.Seconds(t), true
}
