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
	{reason: "a token without exp is valid for ever", holds: trait("no exp")},
	{reason: "an exp beyond the year 9999 is a mistake", holds: trait("distant exp")},
	{reason: "a token that is issued in the future is not valid yet", holds: trait("iat in the future")},
	{reason: "max_lifetime is counted from iat", holds: func(a *attempt) bool {
		return a.token != nil && a.token.provider == "lax" && (trait("no iat")(a) || trait("old token")(a))
	}},
	{reason: "audiences are compared octet by octet", holds: trait("lax audience")},
	{reason: "a claim that is not of the type that RFC 7519 gives it spoils a token", holds: trait("odd claim")},
	{reason: "another kind of JWT is no access token", holds: trait("typ")},
	{reason: "crit is looked at", holds: trait("crit")},
	{reason: "a token that is bound to a key is no bearer token", holds: trait("cnf")},
	{reason: "a member that stands twice says two things", holds: trait("twice")},
	{reason: "base64url has one spelling", holds: trait("loose base64")},
	{reason: "a token has at most 16 KiB", holds: trait("long")},
	{reason: "an issuer's tokens are its provider's", holds: trait("issuer of another provider")},
	{reason: "?access_token= is no credential", holds: func(a *attempt) bool { return a.where == "query access_token" }},
	{reason: "a token stands at the beginning of a header, behind one scheme", holds: func(a *attempt) bool {
		return a.where == "Authorization, behind junk"
	}},
	{reason: "a scheme is a scheme in any case, so its token is looked at", holds: lowerCase},
	{
		reason: "a scheme is a scheme in any case", holds: lowerCase,
		looser: "the token is as valid as behind the spelling that Envoy wants, and RFC 9110 section 11.1 has schemes in any case",
	},
	{
		reason: "an empty value is no token",
		holds:  func(a *attempt) bool { return a.token != nil && a.token.token == "" && a.under("/static/") },
		looser: "the path takes requests without a token, and this is one: it gets no identity",
	},
	{reason: "two credentials of one kind are refused", holds: func(a *attempt) bool {
		return strings.HasSuffix(a.where, ", twice")
	}},
	{reason: "two tokens are refused where one is asked for", holds: func(a *attempt) bool { return a.special == "two tokens" && !a.under("/both") }},
	{reason: "a bad token never passes for a missing one", holds: func(a *attempt) bool { return a.under("/soft") && a.token != nil }},
	{reason: "an optional rule looks wherever tokens stand, not only where those of its providers do", holds: func(a *attempt) bool {
		return a.under("/maybe") && a.token != nil && !strings.HasPrefix(a.where, "Authorization")
	}},
	{reason: "a condition that no rule can ask for denies where a later rule asks for something else", holds: func(a *attempt) bool { return a.under("/x") }},
	{reason: "a token for two audiences that rules tell apart counts for one of them", holds: func(a *attempt) bool {
		return a.under("/admin") && trait("two audiences")(a)
	}},
	{reason: "a token stands where those of its provider do, also where a token may be missing", holds: func(a *attempt) bool {
		return a.under("/static/") && a.token != nil && a.token.provider == "machine" && strings.HasPrefix(a.where, "Authorization")
	}},
	{reason: "an expression reads at most 4 KiB of a header, and denies for what is longer", holds: func(a *attempt) bool {
		return a.under("/static/", "/maybe") && trait("8 KiB")(a)
	}},
	{reason: "a path is judged under every reading", holds: func(a *attempt) bool { return a.special == "several readings" }},
}
