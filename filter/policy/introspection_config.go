package policy

import (
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// read reads a provider of type "introspection".
func (is *introspectors) read(o *object, provider int, name string, at []places, table *claimTable, sources *keySources) {
	i := &introspector{index: len(*is), provider: provider, name: name, path: o.path, tokenPolicy: readTokenPolicy(o, table)}
	// RFC 7662 section 2.2 leaves exp to the server; the ttl bounds what it does not say.
	i.allowNoExpiry = !o.boolean("require_expiry", false)
	cluster := o.checked("cluster", "", wantCluster)
	if !o.has("cluster") {
		o.wrong("cluster", "want the name of the Envoy cluster that leads to the authorization server")
	}
	o.checked("introspection_uri", "", func(s string) (why string) {
		i.endpoint, why = parseURI(s)
		return why
	})
	if !o.has("introspection_uri") {
		o.wrong("introspection_uri", "want the address of the introspection endpoint")
	}
	i.endpoint.cluster = cluster
	i.issuers = o.strings("issuers", wantClaimText)
	i.hint = o.checked("token_type_hint", "access_token", wantName)
	i.client = readClientAuthentication(o)
	readSignedResponse(o, i, sources)
	i.timeout = o.duration("timeout", 2*time.Second, 10*time.Millisecond, time.Minute)
	i.positive = o.duration("positive_ttl", 30*time.Second, 0, time.Hour)
	i.negative = o.duration("negative_ttl", 10*time.Second, 0, time.Hour)
	i.stale = o.duration("stale_if_error", 0, 0, time.Hour)
	i.calls = o.integer("max_calls", 64, 2, 1000)
	i.cacheBytes = o.integer("cache_bytes", 4<<20, 64<<10, 256<<20)
	i.shape = readTokenShape(o)
	i.jwts = o.choice("jwts", "never", "of_issuers") == 1
	i.onlyAfter = o.boolean("only_after_verify", false)
	if i.onlyAfter && i.jwts {
		o.wrong("only_after_verify", "want it only without jwts: no token is sent that has not verified")
	}
	if i.jwts && len(i.issuers) == 0 {
		o.wrong("issuers", "want the issuers whose JWTs are sent to the server: those of strangers never are")
	}
	for _, other := range *is {
		if !i.onlyAfter && !other.onlyAfter && at[other.provider]&at[provider] != 0 && other.shape.meets(&i.shape) {
			o.wrong("token_prefix", "want a prefix that tells these tokens from those of the provider "+other.name+" (or token_locations of its own)")
		}
	}
	o.done()
	*is = append(*is, i)
}

func readClientAuthentication(o *object) (c clientAuthentication) {
	c.kind = clientAuthenticationKind(o.choice("client_authentication", clientAuthenticationNames...))
	c.id = o.checked("client_id", "", wantClaimText)
	c.secret = readSecretText(o, "client_secret")
	key := readSecretText(o, "private_key")
	if c.kind == clientBearer && c.secret != "" && !isB64Token(c.secret) {
		o.wrong(nameOf(o, "client_secret"), "want a bearer token of RFC 6750 with client_authentication \"bearer\"")
	}
	c.keyID = o.checked("private_key_id", "", wantClaimText)
	c.audience = o.checked("assertion_audience", "", wantClaimText)
	has := func(name string) bool { return o.has(name) || o.has(name+"_environment") }
	wanted := map[string]bool{"client_id": true, "client_secret": true}
	switch c.kind {
	case clientBearer:
		wanted = map[string]bool{"client_secret": true}
	case clientPrivateKeyJWT:
		wanted = map[string]bool{"client_id": true, "private_key": true, "assertion_audience": true}
		if key != "" {
			signer, err := jose.ParseSigner(key)
			if err != nil {
				o.wrong(nameOf(o, "private_key"), err.Error())
			}
			c.key = signer
		}
	}
	for _, name := range []string{"client_id", "client_secret", "private_key", "assertion_audience"} {
		switch {
		case wanted[name] && !has(name):
			o.wrong(name, "want it with client_authentication "+quote(clientAuthenticationNames[c.kind]))
		case !wanted[name] && has(name):
			o.wrong(name, "want no such member with client_authentication "+quote(clientAuthenticationNames[c.kind]))
		}
	}
	if o.has("private_key_id") && c.kind != clientPrivateKeyJWT {
		o.wrong("private_key_id", "want it only with private_key_jwt")
	}
	return c
}

// readSignedResponse reads what signed answers must be; who we are is the client
// for whom the server makes them, unless it is said otherwise.
func readSignedResponse(o *object, i *introspector, sources *keySources) {
	m := o.object("signed_response")
	if m == nil {
		return
	}
	m.secretive = true
	r := &signedResponse{}
	var issuers []string
	r.issuer = m.checked("issuer", "", wantClaimText)
	if m.has("issuer") {
		issuers = []string{r.issuer}
	} else {
		m.wrong("issuer", "want the authorization server's issuer: the iss of its answers")
	}
	// Never any: what the server has told another client must not pass here.
	r.audience = m.checked("audience", i.client.id, wantClaimText)
	if !m.has("audience") && i.client.kind == clientBearer {
		m.wrong("audience", "want the aud of the answers: without a client_id nothing else says it")
	}
	r.maxAge = m.duration("max_age", 0, 0, 10*time.Minute).Seconds()
	r.keyring = sources.readKeys(m, i.name, issuers, nil)
	m.done()
	i.signed = r
}

const errNoVariable = "want the name of an environment variable that the VM has (vm_config.environment_variables)"

// nameOf is the member that a secret stands in.
func nameOf(o *object, name string) string {
	if o.has(name) {
		return name
	}
	return name + "_environment"
}

// readSecretText reads a secret from the configuration or from the environment
// of the VM, by the member NAME or NAME_environment. No error repeats it.
func readSecretText(o *object, name string) (secret string) {
	valid := func(s string) string {
		if s == "" || len(s) > 16<<10 || strings.IndexByte(s, 0) >= 0 {
			return "want a secret of 1 to 16384 bytes"
		}
		secret = s
		return ""
	}
	o.checked(name, "", valid)
	if n := o.get(name + "_environment"); n != nil {
		if o.has(name) {
			o.problems.add(n.path, "want only one of "+name+" and "+name+"_environment")
		}
		checkedString(n, o.problems, "", func(s string) string {
			value, ok := o.problems.environment(s)
			if !ok {
				// Not by its name: it may be the secret itself.
				return errNoVariable
			}
			return valid(value)
		})
	}
	return secret
}

func readTokenShape(o *object) (t tokenShape) {
	t.prefix = o.checked("token_prefix", "", func(s string) string {
		if s == "" || len(s) > 256 || !isB64Token(s) {
			return "want 1 to 256 characters that tokens have"
		}
		return ""
	})
	t.least = o.integer("token_min_length", 1, 1, maxTokenBytes)
	t.most = o.integer("token_max_length", 4096, 1, maxTokenBytes)
	if t.most < t.least {
		o.wrong("token_max_length", "want at least token_min_length")
	}
	o.checked("token_regex", "", func(s string) string {
		var err error
		if t.expression, err = compileAnchored(s); err != nil {
			return err.Error()
		}
		return ""
	})
	if t.expression != nil && t.most > maxRegexInput {
		o.wrong("token_max_length", "want at most 4096 with token_regex")
	}
	return t
}

// meets reports whether a token could fit both shapes. Expressions are not
// compared: they may overlap.
func (t *tokenShape) meets(other *tokenShape) bool {
	return (strings.HasPrefix(t.prefix, other.prefix) || strings.HasPrefix(other.prefix, t.prefix)) &&
		t.least <= other.most && other.least <= t.most
}
