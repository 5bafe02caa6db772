package credential

// AccessToken is the parameter of RFC 6750 section 2.3. Clients send it also where
// no provider reads it.
var AccessToken = Location{Kind: Query, Name: "access_token"}

// MaxRedacted bounds what is searched for parameters. Of a longer path the access
// log shows no query.
const MaxRedacted = 4096
