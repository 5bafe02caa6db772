package differential

import "strings"

// difference is a reason why the filter does not decide as Envoy does. The list is closed,
// and each has to occur: an unused excuse hides a mistake. docs/migrating.md lists them
// for readers.
type difference struct {
	reason string
	holds  func(a *attempt) bool
	// looser is set if the filter allows a request that Envoy refuses: the reason why no
	// client gains anything. All others must be stricter.
	looser string
}

func trait(name string) func(*attempt) bool {
	return func(a *attempt) bool { return a.token != nil && a.token.has(name) }
}

func lowerCase(a *attempt) bool { return strings.HasSuffix(a.where, ", lower case") }

var differences = []*difference{
	{reason: "a token without exp is refused", holds: trait("no exp")},
	{reason: "an exp beyond the year 9999 is an error", holds: trait("distant exp")},
	{reason: "a token with an iat in the future is not valid yet", holds: trait("iat in the future")},
	{reason: "max_lifetime is counted from iat", holds: func(a *attempt) bool {
		return a.token != nil && a.token.provider == "lax" && (trait("no iat")(a) || trait("old token")(a))
	}},
	{reason: "audiences are compared exactly", holds: trait("lax audience")},
	{reason: "a registered claim of a wrong type (RFC 7519) makes a token malformed", holds: trait("odd claim")},
	{reason: "a JWT with the typ of another kind is not an access token", holds: trait("typ")},
	{reason: "crit is checked", holds: trait("crit")},
	{reason: "a token that is bound to a key is not a bearer token", holds: trait("cnf")},
	{reason: "a duplicate member is an error", holds: trait("twice")},
	{reason: "base64url must be canonical", holds: trait("loose base64")},
	{reason: "a token has at most 16 KiB", holds: trait("long")},
	{reason: "an issuer's tokens belong to its provider", holds: trait("issuer of another provider")},
	{reason: "?access_token= is not read", holds: func(a *attempt) bool { return a.where == "query access_token" }},
	{reason: "a token is at the beginning of a header, after one scheme", holds: func(a *attempt) bool {
		return a.where == "Authorization, behind junk"
	}},
	{reason: "a scheme is recognised in any case, so its token is checked", holds: lowerCase},
	{
		reason: "a scheme is recognised in any case", holds: lowerCase,
		looser: "the token is as valid as after Envoy's spelling, and RFC 9110 section 11.1 allows schemes in any case",
	},
	{
		reason: "an empty value is not a token",
		holds:  func(a *attempt) bool { return a.token != nil && a.token.token == "" && a.under("/static/") },
		looser: "the path accepts requests without a token, and this request gets no identity",
	},
	{reason: "two credentials of one kind are refused", holds: func(a *attempt) bool {
		return strings.HasSuffix(a.where, ", twice")
	}},
	{reason: "two tokens are refused where the rule needs one", holds: func(a *attempt) bool { return a.special == "two tokens" && !a.under("/both") }},
	{reason: "a bad token never counts as a missing token", holds: func(a *attempt) bool { return a.under("/soft") && a.token != nil }},
	{reason: "an optional rule reads all token locations, not only those of its providers", holds: func(a *attempt) bool {
		return a.under("/maybe") && a.token != nil && !strings.HasPrefix(a.where, "Authorization")
	}},
	{reason: "a condition that no rule can express denies if a later rule has other requirements", holds: func(a *attempt) bool { return a.under("/x") }},
	{reason: "a token for two audiences that rules distinguish counts for one of them", holds: func(a *attempt) bool {
		return a.under("/admin") && trait("two audiences")(a)
	}},
	{reason: "a token is read only at its provider's locations, also where a token is optional", holds: func(a *attempt) bool {
		return a.under("/static/") && a.token != nil && a.token.provider == "machine" && strings.HasPrefix(a.where, "Authorization")
	}},
	{reason: "an expression reads at most 4 KiB of a header, and denies a longer header", holds: func(a *attempt) bool {
		return a.under("/static/", "/maybe") && trait("8 KiB")(a)
	}},
	{reason: "a path is matched under every reading", holds: func(a *attempt) bool { return a.special == "several readings" }},
}
