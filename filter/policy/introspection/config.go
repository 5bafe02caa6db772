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

// Read reads a provider of type "introspection".
func (is *Servers) Read(o *config.Object, provider int, name string, at []credential.Places, table *claims.Table, sources *jwks.Sources) {
	i := &Server{index: len(*is), provider: provider, Name: name, Path: o.Path, Validator: claims.ReadValidator(o, table)}
	// RFC 7662 section 2.2 leaves exp to the server; the ttl bounds what it does not say.
	i.AllowNoExpiry = !o.Boolean("require_expiry", false)
	cluster := o.Checked("cluster", "", jwks.WantCluster)
	if !o.Has("cluster") {
		o.Wrong("cluster", "want the name of the Envoy cluster that leads to the authorization server")
	}
	o.Checked("introspection_uri", "", func(s string) (why string) {
		i.endpoint, why = config.ParseURI(s)
		return why
	})
	if !o.Has("introspection_uri") {
		o.Wrong("introspection_uri", "want the address of the introspection endpoint")
	}
	i.endpoint.Cluster = cluster
	i.Issuers = o.Strings("issuers", config.WantClaimText)
	i.hint = o.Checked("token_type_hint", "access_token", config.WantName)
	i.client = readClientAuthentication(o)
	readSignedResponse(o, i, sources)
	i.timeout = o.Duration("timeout", 2*time.Second, 10*time.Millisecond, time.Minute)
	i.positive = o.Duration("positive_ttl", 30*time.Second, 0, time.Hour)
	i.negative = o.Duration("negative_ttl", 10*time.Second, 0, time.Hour)
	i.stale = o.Duration("stale_if_error", 0, 0, time.Hour)
	i.Calls = o.Integer("max_calls", 64, 2, 1000)
	i.cacheBytes = o.Integer("cache_bytes", 4<<20, 64<<10, 256<<20)
	i.shape = readTokenShape(o)
	i.Jwts = o.Choice("jwts", "never", "of_issuers") == 1
	i.OnlyAfter = o.Boolean("only_after_verify", false)
	if i.OnlyAfter && i.Jwts {
		o.Wrong("only_after_verify", "want it only without jwts: no token is sent that has not verified")
	}
	if i.Jwts && len(i.Issuers) == 0 {
		o.Wrong("issuers", "want the issuers whose JWTs are sent to the server: those of strangers never are")
	}
	for _, other := range *is {
		if !i.OnlyAfter && !other.OnlyAfter && at[other.provider]&at[provider] != 0 && other.shape.meets(&i.shape) {
			o.Wrong("token_prefix", "want a prefix that tells these tokens from those of the provider "+other.Name+" (or token_locations of its own)")
		}
	}
	o.Done()
	*is = append(*is, i)
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
	for _, name := range []string{"client_id", "client_secret", "private_key", "assertion_audience"} {
		switch {
		case wanted[name] && !has(name):
			o.Wrong(name, "want it with client_authentication "+config.Quote(clientAuthenticationNames[c.kind]))
		case !wanted[name] && has(name):
			o.Wrong(name, "want no such member with client_authentication "+config.Quote(clientAuthenticationNames[c.kind]))
		}
	}
	if o.Has("private_key_id") && c.kind != clientPrivateKeyJWT {
		o.Wrong("private_key_id", "want it only with private_key_jwt")
	}
	return c
}

// readSignedResponse reads what signed answers must be; who we are is the client
// for whom the server makes them, unless it is said otherwise.
func readSignedResponse(o *config.Object, i *Server, sources *jwks.Sources) {
	m := o.Object("signed_response")
	if m == nil {
		return
	}
	m.MayHoldSecret = true
	r := &signedResponse{}
	var issuers []string
	r.issuer = m.Checked("issuer", "", config.WantClaimText)
	if m.Has("issuer") {
		issuers = []string{r.issuer}
	} else {
		m.Wrong("issuer", "want the authorization server's issuer: the iss of its answers")
	}
	// Never any: what the server has told another client must not pass here.
	r.audience = m.Checked("audience", i.client.id, config.WantClaimText)
	if !m.Has("audience") && i.client.kind == clientBearer {
		m.Wrong("audience", "want the aud of the answers: without a client_id nothing else says it")
	}
	r.maxAge = m.Duration("max_age", 0, 0, 10*time.Minute).Seconds()
	r.Ring = sources.ReadKeys(m, i.Name, issuers, nil)
	m.Done()
	i.signed = r
}

// nameOf is the member that a secret stands in.
func nameOf(o *config.Object, name string) string {
	if o.Has(name) {
		return name
	}
	return name + "_environment"
}

// readSecretText reads a secret from the configuration or from the environment
// of the VM, by the member NAME or NAME_environment. No error repeats it.
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
				// Not by its name: it may be the secret itself.
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
			return "want 1 to 256 characters that tokens have"
		}
		return ""
	})
	t.least = o.Integer("token_min_length", 1, 1, syntax.MaxTokenBytes)
	t.most = o.Integer("token_max_length", 4096, 1, syntax.MaxTokenBytes)
	if t.most < t.least {
		o.Wrong("token_max_length", "want at least token_min_length")
	}
	o.Checked("token_regex", "", func(s string) string {
		var err error
		if t.expression, err = config.CompileAnchored(s); err != nil {
			return err.Error()
		}
		return ""
	})
	if t.expression != nil && t.most > config.MaxRegexInput {
		o.Wrong("token_max_length", "want at most 4096 with token_regex")
	}
	return t
}

// meets reports whether a token could fit both shapes. Expressions are not
// compared: they may overlap.
func (t *tokenShape) meets(other *tokenShape) bool {
	return (strings.HasPrefix(t.prefix, other.prefix) || strings.HasPrefix(other.prefix, t.prefix)) &&
		t.least <= other.most && other.least <= t.most
}
