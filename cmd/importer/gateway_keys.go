package importer

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// tokenSyntax is what the filter takes for a token (RFC 6750 section 2.1).
var tokenSyntax = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// readKeys makes the API keys of the Secrets into static tokens.
func (g *gateway) readKeys(keys *gatewayAPIKeys, namespace string) error {
	path := g.path + ".apiKeyAuth"
	p := &provider{Type: "static"}
	var places []place
	for i, from := range keys.ExtractFrom {
		at := fmt.Sprintf("%s.extractFrom[%d]", path, i)
		for _, name := range from.Headers {
			places = append(places, place{headerLocation(name, ""), at})
			if strings.EqualFold(name, "authorization") {
				places[len(places)-1].Prefix = ""
				g.leave(at, "a key in Authorization is read only after Bearer", "another header")
			}
		}
		for _, name := range from.Cookies {
			places = append(places, place{location{Cookie: name}, at})
		}
		for _, name := range from.Params {
			places = append(places, place{location{Query: name}, at})
		}
	}
	if err := g.locate(p, places); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(places) > 1 {
		g.leave(path+".extractFrom", "a request with keys at two of these places is refused", "")
	}
	clients, owners := map[string]bool{}, map[string]string{}
	for i, ref := range keys.CredentialRefs {
		at := fmt.Sprintf("%s.credentialRefs[%d]", path, i)
		in := ref.Namespace
		if in == "" {
			in = namespace
		}
		o := g.take("Secret", ref.Name, in)
		if o == nil {
			g.leave(at, "no key of this Secret passes: it is not among the documents", "import the policy together with the Secret")
			continue
		}
		values, err := secretValues(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name(), err)
		}
		for _, client := range sortedKeys(values) {
			key := values[client]
			digest := sha256.Sum256([]byte(key))
			text := hex.EncodeToString(digest[:])
			switch {
			case clients[client]:
				g.leave(at, "a second key of "+client+" is left out, as before", "add another token by hand")
			case !tokenSyntax.MatchString(key):
				g.leave(at, "the key of "+client+" is left out: it has characters that a token cannot have", "a new key")
			case owners[text] != "":
				g.leave(at, "the key of "+client+" is left out: "+owners[text]+" has the same key", "different keys")
			default:
				p.Tokens = append(p.Tokens, staticToken{SHA256: text, Subject: client, ClientID: client})
				owners[text] = client
			}
			clients[client] = true
		}
	}
	if len(p.Tokens) == 0 {
		return fmt.Errorf("%s: want a Secret with keys among the documents", path)
	}
	if header := strings.ToLower(keys.ForwardClientIDHeader); header != "" {
		if contains(g.ownHeaders(), header) || g.readsTokens(header) || probe([]string{header}, &match{}) != nil {
			g.leave(path+".forwardClientIDHeader", "the filter sets no such header", "client_id_header with another name")
		} else {
			g.config.ClientIDHeader = header
		}
	}
	if !keys.Sanitize && !g.config.ForwardAuthorization {
		g.leave(path+".sanitize", "the key is not forwarded to the upstream", "forward_authorization")
	}
	if keys.Sanitize && g.config.ForwardAuthorization {
		// What is forwarded of one is forwarded of the other.
		g.config.ForwardAuthorization = false
		g.leave(path+".sanitize", "neither the key nor a token is forwarded to the upstream", "forward_authorization")
	}
	g.keys = g.freeName(path, "api-keys")
	g.config.Providers[g.keys] = p
	g.placed(p)
	return nil
}

// secretValues are the values of a Secret, as its clients have them.
func secretValues(o *resource) (map[string]string, error) {
	values := map[string]string{}
	for name, text := range o.Data {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("data.%s: want base64", name) // without the text, which is secret
		}
		values[name] = string(decoded)
	}
	for name, text := range o.StringData {
		values[name] = text
	}
	return values, nil
}
