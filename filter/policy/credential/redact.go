package credential

// AccessToken is the query parameter of RFC 6750 section 2.3. Clients send it even
// where no provider reads it.
var AccessToken = Location{Kind: Query, Name: "access_token"}

// MaxRedacted bounds the paths that are searched for parameters, in bytes. The access
// log shows no query of a longer path.
const MaxRedacted = 4096
