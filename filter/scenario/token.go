package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/testkey"
)

// readTokens makes the tokens of the story.
func (r *reader) readTokens(o *config.Object) {
	r.tokens = map[string]string{}
	all := o.Object("tokens")
	if all == nil {
		return
	}
	for _, m := range all.Members {
		if m.Value.Kind == '"' {
			r.tokens[m.Name] = m.Value.Text
			continue
		}
		if t := config.AsObject(m.Value, r.problems); t != nil {
			r.tokens[m.Name] = r.readToken(t, m.Name)
		}
	}
}

func (r *reader) readToken(o *config.Object, name string) string {
	token := o.Text("text", "")
	provider := o.Text("provider", "")
	node := member(r.root, "providers", provider)
	if provider != "" && node == nil && r.root != nil {
		o.Wrong("provider", "want one of the configuration's providers, got "+config.Quote(provider))
	}
	kind := text(member(node, "type"))
	before := len(r.problems.List)
	switch {
	case o.Has("text"):
		if kind == "introspection" {
			r.answerFor(o, provider, node, token)
		}
	case kind == "static":
		token = r.standIn(o, name, node)
	case kind == "introspection":
		token = opaque(name, node)
		r.answerFor(o, provider, node, token)
	case kind == "jwt" || o.Has("key"):
		token = r.mint(o, provider, node)
	case provider == "":
		o.Problems.Add(o.Path, "want text, a key that signs, or a provider")
	}
	if o.Boolean("forged", false) && len(r.problems.List) == before {
		if strings.Count(token, ".") != 2 {
			o.Wrong("forged", "allowed only for a JWT: its signature is changed")
			return token
		}
		token = testkey.Forged(token)
	}
	o.Done()
	return token
}

// standIn puts a fake token in the place of a static one, of which a configuration has
// the digest only.
func (r *reader) standIn(o *config.Object, name string, provider *config.Node) string {
	subject, entry := o.Text("subject", ""), o.Integer("entry", 0, 0, 1<<20)
	tokens := member(provider, "tokens")
	token := "fake-token-" + name
	var found []*config.Node
	if tokens != nil {
		for i, item := range tokens.Items {
			if o.Has("entry") && i == entry || !o.Has("entry") && (!o.Has("subject") || text(member(item, "subject")) == subject) {
				found = append(found, item)
			}
		}
	}
	if len(found) != 1 {
		o.Problems.Add(o.Path, "want exactly one token of the provider, got "+strconv.Itoa(len(found))+
			": name it by subject, or by entry, which is its index in tokens")
		return token
	}
	digest := member(found[0], "sha256")
	if digest == nil {
		return token // the core says so
	}
	sum := sha256.Sum256([]byte(token))
	*digest = config.Node{Path: digest.Path, Kind: '"', Text: hex.EncodeToString(sum[:])}
	r.story.Scopes = append(r.story.Scopes, strs(member(found[0], "scopes"))...)
	return token
}

// opaque is a token that the server of an introspection provider is asked about.
func opaque(name string, provider *config.Node) string {
	token := text(member(provider, "token_prefix")) + "fake-token-" + name
	if n := member(provider, "token_min_length"); n != nil {
		least, _ := strconv.Atoi(n.Text)
		token += strings.Repeat("-", max(0, min(least, 1<<14)-len(token)))
	}
	return token
}

// claims reads what a token claims: members over the usual ones, of which null removes one.
func (r *reader) claims(o *config.Object, usual testkey.Members) testkey.Members {
	now := r.story.Now
	all := maps.Clone(usual)
	all["exp"] = now.Add(r.duration(o, "expires", 10*time.Minute)).Unix()
	if d := r.duration(o, "not_before", 0); o.Has("not_before") {
		all["nbf"] = now.Add(d).Unix()
	}
	if d := r.duration(o, "issued", 0); o.Has("issued") {
		all["iat"] = now.Add(d).Unix()
	}
	maps.Copy(all, r.values(o, "claims"))
	r.story.Scopes = append(r.story.Scopes, scopesOf(all)...)
	return all
}

// values reads an object of any values.
func (r *reader) values(o *config.Object, name string) testkey.Members {
	values := testkey.Members{}
	m := o.Object(name)
	if m == nil {
		return values
	}
	d := json.NewDecoder(strings.NewReader(string(m.AppendJSON(nil))))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		o.Wrong(name, err.Error())
	}
	return values
}

func scopesOf(claims testkey.Members) (scopes []string) {
	for _, name := range []string{"scope", "scp"} {
		switch value := claims[name].(type) {
		case string:
			scopes = append(scopes, strings.Fields(value)...)
		case []any:
			for _, item := range value {
				if s, ok := item.(string); ok {
					scopes = append(scopes, s)
				}
			}
		}
	}
	return scopes
}

// mint makes a JWT.
func (r *reader) mint(o *config.Object, provider string, node *config.Node) string {
	usual := testkey.Members{"sub": "test", "iat": r.story.Now.Unix()}
	header := testkey.Members{}
	if issuer, claim, value := issuerOf(node); issuer != "" {
		usual["iss"] = issuer
		if claim != "" {
			usual[claim] = value
		}
	}
	if audiences := strs(member(node, "audiences")); len(audiences) > 0 {
		usual["aud"] = audiences[0]
	}
	if types := strs(member(node, "types")); len(types) > 0 {
		header["typ"] = types[0]
	}
	key := r.signer(o, provider, node)
	claims := r.claims(o, usual)
	maps.Copy(header, r.values(o, "header"))
	if kid := o.Text("kid", ""); o.Has("kid") {
		header["kid"] = kid
	}
	if key == nil {
		return ""
	}
	return key.JWT(header, claims)
}

// signer is the key that a token names, or else a key of its provider.
func (r *reader) signer(o *config.Object, provider string, node *config.Node) *testkey.Key {
	name, alg := o.Text("key", ""), o.Checked("alg", "", wantAlgorithm)
	if o.Has("key") {
		key := r.keys.named[name]
		if key == nil {
			o.Wrong("key", "want one of keys, got "+config.Quote(name))
			return nil
		}
		if alg != "" && alg != key.Algorithm {
			o.Wrong("alg", "want "+key.Algorithm+", the algorithm of the key")
		}
		return key
	}
	list := r.keysOf(provider, node)
	for _, key := range list {
		if alg == "" || key.Algorithm == alg {
			return key
		}
	}
	if alg == "" {
		o.Problems.Add(o.Path, "want a key: the provider accepts no algorithm")
		return nil
	}
	// A token that the provider must refuse.
	return newKey("test-"+provider+"-"+alg, alg)
}
