// Package jwt verifies JSON Web Tokens (RFC 7515, RFC 7519, RFC 8725): a token in, an
// identity.Outcome out. The caller passes the time, and package jwks has the keys. The
// package remembers a verified token until the token expires or its key is withdrawn.
// It never reads a clock and makes no call.
package jwt

import (
	"bearerauth/filter/jose"
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/claims"
	"bearerauth/filter/policy/fetch"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwks"
	"bearerauth/filter/policy/revocation"
	"bearerauth/filter/policy/verdict"
)

// State is what a worker remembers of JWTs, and the memory in which it verifies the
// next one. It serves one request at a time.
type State struct {
	providers   *Providers
	table       *claims.Table
	propagation *identity.Propagation
	keys        *jwks.State
	revoked     *revocation.State // nil: no revocations are configured
	cache       *tokenCache

	parser jose.Parser
	claims claims.Claims
}

// NewState returns a State that has verified no token yet. Without revocations,
// revoked is nil. The verified tokens take at most so many bytes.
func NewState(providers *Providers, table *claims.Table, propagation *identity.Propagation, keys *jwks.State, revoked *revocation.State, bytes int) *State {
	return &State{providers: providers, table: table, propagation: propagation, keys: keys, revoked: revoked, cache: newTokenCache(bytes)}
}

// Remembered returns the memory of a token that has verified, or nil. The token may
// have expired since, and its key may have been withdrawn: Verify checks both.
func (s *State) Remembered(key cache.Name) *Remembered {
	good, _ := s.cache.good.Get(key)
	return good
}

// Verify verifies a token, whose name in the caches is key, with the keys of its
// provider. remembered is what Remembered returned for it.
//
// Only ReasonTokenValid without Wait accepts the token. An outcome with Wait may
// change when that errand is done; it is set only if m permits the request to wait.
// A token of no provider gets ReasonUnknownToken if it is no JWT, else
// ReasonWrongIssuer.
func (s *State) Verify(token string, key cache.Name, remembered *Remembered, m fetch.Moment) identity.Outcome {
	v, good := s.verifyUnrevoked(token, key, remembered, m)
	if good != nil && v.Reason == verdict.ReasonTokenValid && s.revoked != nil {
		return s.revoked.UnlessRevoked(v, good.handles, m.Now, m.Patience == fetch.Wait)
	}
	return v
}

// verifyUnrevoked is Verify without the check for revocations.
func (s *State) verifyUnrevoked(token string, key cache.Name, remembered *Remembered, m fetch.Moment) (identity.Outcome, *Remembered) {
	at := fetch.Seconds(m.Now)
	if remembered != nil {
		if s.current(remembered, at) {
			return identity.Outcome{ID: &remembered.identity, Reason: remembered.window.Judge(at)}, remembered
		}
		s.cache.good.Drop(key)
	}
	bad, known := s.knownBad(key, at)
	if known && !bad.needsNewerKey() {
		return identity.Outcome{Reason: bad.reason}, nil
	}
	message, reason := s.parse(token)
	if reason == verdict.ReasonUnknownToken {
		// An opaque token is quick to recognize, so it is not remembered.
		return identity.Outcome{Reason: reason}, nil
	}
	var chosen choice
	if reason == verdict.ReasonTokenValid {
		chosen, reason = s.providers.choose(&s.claims, message)
	}
	if reason != verdict.ReasonTokenValid {
		return s.refuse(key, reason, nil, nil, at), nil
	}
	keys := s.keys.KeySet(&chosen.provider.Ring)
	signer := jwks.Signer{KeyMayBeNewer: true}
	if !known {
		signer = s.keys.Signer(message, keys)
	}
	if signer.Key == nil {
		return s.withoutKey(key, message, chosen.provider, keys, signer, m), nil
	}
	return s.judgeSigned(key, message, chosen, keys, signer.Key, at)
}

// parse parses a token and reads its claims into s.claims. The reason is
// ReasonTokenValid, ReasonUnknownToken for a token that is no JWT, or
// ReasonMalformedToken.
func (s *State) parse(token string) (*jose.Message, verdict.Reason) {
	message, err := s.parser.Parse(token)
	if err == jose.ErrParts {
		return nil, verdict.ReasonUnknownToken
	}
	if err != nil {
		return nil, verdict.ReasonMalformedToken
	}
	c := &s.claims
	c.Reset(s.table)
	for i := range message.Claims {
		c.Take(s.table, message.Claims[i].Name, message.Claims[i].Value)
	}
	if c.Malformed {
		return nil, verdict.ReasonMalformedToken
	}
	return message, verdict.ReasonTokenValid
}

// withoutKey decides over a token that no key of the set has signed: the token is
// forged, or its key is newer than the set.
func (s *State) withoutKey(key cache.Name, message *jose.Message, provider *Provider, keys *jose.KeySet, signer jwks.Signer, m fetch.Moment) identity.Outcome {
	at := fetch.Seconds(m.Now)
	switch {
	case signer.TooExpensive && signer.Shared:
		// Other tokens of this request have used up the budget. This token may be
		// good, so its refusal is not remembered.
		return identity.Outcome{Reason: verdict.ReasonTooManyKeys}
	case signer.TooExpensive:
		return s.refuse(key, verdict.ReasonTooManyKeys, provider, keys, at)
	case signer.KeyMayBeNewer && provider.Source != nil:
		if signer.Tried {
			s.cache.putBad(key, verdict.ReasonUnknownKey, provider, keys, at)
		}
		reason, wait := s.keys.Ask(provider.Source, message.KeyID, m.Now, m.Patience == fetch.Wait)
		v := identity.Outcome{Reason: reason}
		if wait {
			v.Wait = provider.Source.Errand()
		}
		return v
	case !signer.Tried:
		return identity.Outcome{Reason: verdict.ReasonUnknownKey}
	}
	// Remembered only while this key set is in force: a refresh may add another key
	// under the same kid.
	return s.refuse(key, verdict.ReasonBadSignature, provider, keys, at)
}

// judgeSigned decides over a token whose signature signer verifies, and remembers the
// result.
func (s *State) judgeSigned(key cache.Name, message *jose.Message, chosen choice, keys *jose.KeySet, signer *jose.Key, at float64) (identity.Outcome, *Remembered) {
	c, provider := &s.claims, chosen.provider
	c.Resolve(s.table)
	if reason := chosen.judge(c, message); reason != verdict.ReasonTokenValid {
		return s.refuse(key, reason, provider, keys, at), nil
	}
	handles, ok := s.revoked.HandlesOf(c, s.table, message, signer)
	if !ok {
		return s.refuse(key, verdict.ReasonMalformedToken, provider, keys, at), nil
	}
	good := &Remembered{provider: provider, key: signer, window: provider.Window(c), handles: handles}
	source := s.source(provider, c, message)
	s.propagation.Identify(&good.identity, &source)
	reason := good.window.Judge(at)
	if reason == verdict.ReasonExpired {
		s.cache.putExpired(key, good.window.Expires, provider, keys, at)
	} else {
		s.cache.good.Put(key, good)
	}
	return identity.Outcome{ID: &good.identity, Reason: reason}, good
}

// refuse refuses a token, and remembers why. With keys, the memory ends with them.
func (s *State) refuse(key cache.Name, reason verdict.Reason, provider *Provider, keys *jose.KeySet, at float64) identity.Outcome {
	s.cache.putBad(key, reason, provider, keys, at)
	return identity.Outcome{Reason: reason}
}
