package claims

import (
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/trace"
)

// Explain compares the claims of a token with the requirements. It does not read what
// Claims.Resolve would. at is the time in seconds since the epoch.
func (v *Validator) Explain(steps *trace.Steps, c *Claims, at float64) {
	if c.senderConstrained {
		steps.Wrong("cnf", "the token is bound to a key of its sender")
	}
	switch w := v.Window(c); {
	case !c.Exp.Set && !v.AllowNoExpiry:
		steps.Wrong("exp", "required and absent")
	case at >= w.Expires:
		steps.Wrong("exp", "expired "+distance(at-c.Exp.Seconds)+" ago"+v.leeway())
	case at < w.notBefore:
		name, begins := "iat", c.Iat.Seconds
		if c.nbf.Set && (!c.Iat.Set || c.nbf.Seconds >= c.Iat.Seconds) {
			name, begins = "nbf", c.nbf.Seconds
		}
		steps.Wrong(name, "valid only in "+distance(begins-at)+v.leeway())
	case c.Exp.Set:
		steps.Add(trace.Token, "exp", "expires in "+distance(c.Exp.Seconds-at))
	}
	switch {
	case v.MaxLifetime == 0 || !c.Exp.Set:
	case !c.Iat.Set:
		steps.Wrong("iat", "required by max_lifetime and absent")
	case c.Exp.Seconds-c.Iat.Seconds > v.MaxLifetime:
		steps.Compare("lifetime", false, "at most "+distance(v.MaxLifetime), distance(c.Exp.Seconds-c.Iat.Seconds))
	}
	if !v.takesSubject(c) {
		steps.Wrong("sub", "does not match subjects")
	}
}

// ExplainRequired names the required claims that the token does not have. The token has
// verified, and Claims.Resolve was called.
func (v *Validator) ExplainRequired(steps *trace.Steps, t *Table, c *Claims) {
	for _, r := range v.required {
		if !r.met(c) {
			steps.Wrong(t.Name(r.claim), "required, and absent or with another value")
		}
	}
}

// Name returns the name of a claim by its index.
func (t *Table) Name(index int) string {
	r := t.refs[index]
	return strings.Join(append([]string{t.names[r.top]}, r.inner...), ".")
}

func (v *Validator) leeway() string {
	if v.Leeway == 0 {
		return ""
	}
	return ", with a leeway of " + distance(v.Leeway)
}

// distance returns a number of seconds as a text such as 3m5s, or 4d1h for a long one.
func distance(seconds float64) string {
	whole := int64(seconds)
	switch {
	case whole >= 24*3600:
		return strconv.FormatInt(whole/(24*3600), 10) + "d" + strconv.FormatInt(whole/3600%24, 10) + "h"
	case whole >= 60:
		return (time.Duration(whole) * time.Second).String()
	}
	return strconv.FormatInt(whole, 10) + "s"
}
