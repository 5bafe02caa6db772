package importer

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bearerauth/filter/jose"
)

// fetched are the algorithms to accept from keys that are not known here: all
// that are not for secrets. A key serves only those of its own kind.
var fetched = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// inlineKeys reads a JWK Set or PEM into a provider. Keys that the filter would
// refuse are taken out of the set; none left is an error.
func (r *reader) inlineKeys(p *provider, path, text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN") {
		keys, err := jose.ParsePEM([]byte(text))
		if err != nil {
			return err
		}
		p.PEM = text
		p.Algorithms = algorithmsOf(keys)
		return nil
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return fmt.Errorf("want a JWK Set: %w", err)
	}
	var keys []*jose.Key
	var kept []json.RawMessage
	for i, key := range set.Keys {
		one, err := encode(map[string]any{"keys": []json.RawMessage{key}})
		if err != nil {
			return err
		}
		parsed, err := jose.ParseSet(one, jose.AllowSecrets)
		at := fmt.Sprintf("%s.keys[%d]", path, i)
		switch {
		case err != nil:
			r.leave(at, "the key is left out: "+err.Error(), "replace it by one that can be used")
		case parsed.Private > 0:
			r.leave(at, "the key is left out: it is a private key, so any reader of this configuration can sign tokens", "make a new key, and configure only its public key")
		default:
			keys = append(keys, parsed.Keys...)
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return fmt.Errorf("want a JWK Set with a usable key")
	}
	whole, err := encode(map[string]any{"keys": kept})
	if err != nil {
		return err
	}
	if _, err := jose.ParseSet(whole, jose.AllowSecrets); err != nil {
		return err
	}
	p.JWKS = whole
	p.Algorithms = algorithmsOf(keys)
	return nil
}

// algorithmsOf is what keys can serve, where they do not say one each.
func algorithmsOf(keys []*jose.Key) (names []string) {
	var all jose.Algorithms
	several := false
	for _, key := range keys {
		all |= key.Algorithms()
		several = several || len(key.Algorithms().List()) > 1
	}
	if !several {
		return nil
	}
	for _, a := range all.List() {
		names = append(names, a.String())
	}
	return names
}

// clamp writes a duration as the filter reads it, within its bounds.
func (r *reader) clamp(path string, d, least, most time.Duration) string {
	switch {
	case d < least:
		r.leave(path, "changed to "+duration(least)+", the minimum", "")
		d = least
	case d > most:
		r.leave(path, "changed to "+duration(most)+", the maximum", "")
		d = most
	}
	return duration(d.Truncate(time.Millisecond))
}

func duration(d time.Duration) string {
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d%u.unit == 0 && (d > 0 || u.suffix == "s") {
			return fmt.Sprintf("%d%s", d/u.unit, u.suffix)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
