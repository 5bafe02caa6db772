package introspection

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/syntax"
)

// Read reads a provider of type "introspection" and adds it. provider is its place
// among the providers of all types, and places are their token locations. Problems go
// to o.
func (servers *Servers) Read(o *config.Object, provider int, name string, places []credential.Places, table *claims.Table, sources *jwks.Sources) {
	server := &Server{index: len(*servers), provider: provider, Name: name, Path: o.Path, Validator: claims.ReadValidator(o, table)}
	// exp is optional in an answer (RFC 7662 section 2.2); positive_ttl bounds its use.
	server.AllowNoExpiry = !o.Boolean("require_expiry", false)
	cluster := o.Checked("cluster", "", jwks.WantCluster)
	if !o.Has("cluster") {
		o.Wrong("cluster", "want the name of the Envoy cluster of the authorization server")
	}
	o.Checked("introspection_uri", "", func(s string) (why string) {
		server.endpoint, why = config.ParseURI(s)
		return why
	})
	if !o.Has("introspection_uri") {
		o.Wrong("introspection_uri", "want the address of the introspection endpoint")
	}
	server.endpoint.Cluster = cluster
	server.Issuers = o.Strings("issuers", config.WantClaimText)
	server.tokenTypeHint = o.Checked("token_type_hint", "access_token", config.WantName)
	server.client = readClientAuthentication(o)
	readSignedAnswer(o, server, sources)
	server.timeout = o.Duration("timeout", 2*time.Second, 10*time.Millisecond, time.Minute)
	server.positiveTTL = o.Duration("positive_ttl", 30*time.Second, 0, time.Hour)
	server.negativeTTL = o.Duration("negative_ttl", 10*time.Second, 0, time.Hour)
	server.staleIfError = o.Duration("stale_if_error", 0, 0, time.Hour)
	server.maxCalls = o.Integer("max_calls", 64, 2, 1000)
	server.cacheBytes = o.Integer("cache_bytes", 4<<20, 64<<10, 256<<20)
	server.shape = readTokenShape(o)
	server.TakesJWTs = o.Choice("jwts", "never", "of_issuers") == 1
	server.OnlyAfterVerify = o.Boolean("only_after_verify", false)
	if server.OnlyAfterVerify && server.TakesJWTs {
		o.Wrong("only_after_verify", "not allowed with jwts: only verified tokens are sent")
	}
	if server.TakesJWTs && len(server.Issuers) == 0 {
		o.Wrong("issuers", "want the issuers of the JWTs to send to the server: JWTs of other issuers are never sent")
	}
	server.unclear = o.Broken("only_after_verify", "token_prefix", "token_min_length", "token_max_length", "token_locations")
	for _, other := range *servers {
		if !server.unclear && !other.unclear && !server.OnlyAfterVerify && !other.OnlyAfterVerify && places[other.provider]&places[provider] != 0 && other.shape.overlaps(&server.shape) {
			o.Wrong("token_prefix", "want a prefix that distinguishes these tokens from those of the provider "+other.Name+" (or other token_locations)")
		}
	}
	o.Done()
	*servers = append(*servers, server)
}

func readClientAuthentication(o *config.Object) (c clientAuthentication) {
	c.kind = clientAuthenticationKind(o.Choice("client_authentication", clientAuthenticationNames...))
	c.id = o.Checked("client_id", "", config.WantClaimText)
	c.secret = readSecretText(o, "client_secret")
	key := readSecretText(o, "private_key")
	if c.kind == clientBearer && c.secret != "" && !syntax.IsB64Token(c.secret) {
		o.Wrong(nameOf(o, "client_secret"), "want a bearer token of RFC 6750 with client_authentication \"bearer\"")
	}
	c.keyID = o.Checked("private_key_id", "", config.WantClaimText)
	c.audience = o.Checked("assertion_audience", "", config.WantClaimText)
	has := func(name string) bool { return o.Has(name) || o.Has(name+"_environment") }
	wanted := map[string]bool{"client_id": true, "client_secret": true}
	switch c.kind {
	case clientBearer:
		wanted = map[string]bool{"client_secret": true}
	case clientPrivateKeyJWT:
		wanted = map[string]bool{"client_id": true, "private_key": true, "assertion_audience": true}
		if key != "" {
			signer, err := jose.ParseSigner(key)
			if err != nil {
				o.Wrong(nameOf(o, "private_key"), err.Error())
			}
			c.key = signer
		}
	}
	if o.Broken("client_authentication") {
		return c
	}
	for _, name := range []string{"client_id", "client_secret", "private_key", "assertion_audience"} {
		switch {
		case wanted[name] && !has(name):
			o.Wrong(name, "required with client_authentication "+config.Quote(clientAuthenticationNames[c.kind]))
		case !wanted[name] && has(name):
			o.Wrong(name, "not allowed with client_authentication "+config.Quote(clientAuthenticationNames[c.kind]))
		}
	}
	if o.Has("private_key_id") && c.kind != clientPrivateKeyJWT {
		o.Wrong("private_key_id", "allowed only with private_key_jwt")
	}
	return c
}

// readSignedAnswer reads what signed answers must contain. Their audience is the
// client_id, unless the configuration names another.
func readSignedAnswer(o *config.Object, server *Server, sources *jwks.Sources) {
	m := o.Object("signed_response")
	if m == nil {
		return
	}
	m.MayHoldSecret = true
	r := &signedAnswer{}
	var issuers []string
	r.issuer = m.Checked("issuer", "", config.WantClaimText)
	if m.Has("issuer") {
		issuers = []string{r.issuer}
	} else {
		m.Wrong("issuer", "want the authorization server's issuer: the iss of its answers")
	}
	// The audience is mandatory: an answer made for another client must not pass here.
	r.audience = m.Checked("audience", server.client.id, config.WantClaimText)
	if !m.Has("audience") && server.client.kind == clientBearer {
		m.Wrong("audience", "required without client_id: the aud of the answers")
	}
	r.maxAge = m.Duration("max_age", 0, 0, 10*time.Minute).Seconds()
	r.Ring = sources.ReadKeys(m, server.Name, issuers, nil)
	m.Done()
	server.signed = r
}

// nameOf returns the member that a secret comes from.
func nameOf(o *config.Object, name string) string {
	if o.Has(name) {
		return name
	}
	return name + "_environment"
}

// readSecretText reads a secret from the member name, or from the environment variable
// that the member name_environment names. No error repeats the secret.
func readSecretText(o *config.Object, name string) (secret string) {
	valid := func(s string) string {
		if s == "" || len(s) > 16<<10 || strings.IndexByte(s, 0) >= 0 {
			return "want a secret of 1 to 16384 bytes"
		}
		secret = s
		return ""
	}
	o.Checked(name, "", valid)
	if n := o.Get(name + "_environment"); n != nil {
		if o.Has(name) {
			o.Problems.Add(n.Path, "want only one of "+name+" and "+name+"_environment")
		}
		config.CheckedString(n, o.Problems, "", func(s string) string {
			value, ok := o.Problems.Environment(s)
			if !ok {
				// The message omits the name: an operator may have put the secret there.
				return config.ErrNoVariable
			}
			return valid(value)
		})
	}
	return secret
}

func readTokenShape(o *config.Object) (t tokenShape) {
	t.prefix = o.Checked("token_prefix", "", func(s string) string {
		if s == "" || len(s) > 256 || !syntax.IsB64Token(s) {
			return "want 1 to 256 characters that a token can have"
		}
		return ""
	})
	t.minLength = o.Integer("token_min_length", 1, 1, syntax.MaxTokenBytes)
	t.maxLength = o.Integer("token_max_length", 4096, 1, syntax.MaxTokenBytes)
	if t.maxLength < t.minLength {
		o.Wrong("token_max_length", "want at least token_min_length")
	}
	o.Checked("token_regex", "", func(s string) string {
		var err error
		if t.expression, err = config.CompileAnchored(s); err != nil {
			return err.Error()
		}
		return ""
	})
	if t.expression != nil && t.maxLength > config.MaxRegexInput {
		o.Wrong("token_max_length", "want at most 4096 with token_regex")
	}
	return t
}

// overlaps reports whether a token could fit both shapes. It ignores the expressions,
// which it cannot compare.
func (t *tokenShape) overlaps(other *tokenShape) bool {
	return (strings.HasPrefix(t.prefix, other.prefix) || strings.HasPrefix(other.prefix, t.prefix)) &&
		t.minLength <= other.maxLength && other.minLength <= t.maxLength
}
