package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bearerauth/filter/testkey"
)

var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA", "HS256"}

// Each algorithm's tokens verify with the published key, and with no other.
func TestMint(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			key, other := testkey.New(keyID, algorithm), testkey.New(keyID, algorithm)
			tokens, err := mintMany(t.Context(), key, 5, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, token := range tokens {
				seen[token] = true
				if len(token) != len(tokens[0]) {
					t.Errorf("wanted tokens of one length, got %d and %d", len(token), len(tokens[0]))
				}
				if _, err := verify(t, key, token); err != nil {
					t.Errorf("wanted a token that verifies, got %v for %s", err, token)
				}
				if _, err := verify(t, other, token); err == nil {
					t.Error("wanted a token that verifies with its own key only")
				}
			}
			if len(seen) != len(tokens) {
				t.Errorf("wanted %d different tokens, got %d", len(tokens), len(seen))
			}
			if algorithm == "RS256" && len(tokens[0]) != 660 {
				t.Errorf("wanted a token of 660 bytes, got %d", len(tokens[0]))
			}
			claims := map[string]any{}
			if payload, err := verify(t, key, tokens[3]); err != nil || json.Unmarshal(payload, &claims) != nil {
				t.Fatalf("wanted claims, got %s %v", payload, err)
			}
			for name, wanted := range map[string]any{
				"iss": issuerName, "aud": audience, "sub": "user-00000003", "scope": "orders:read orders:write", "tier": "gold", "org": "acme",
			} {
				if claims[name] != wanted {
					t.Errorf("%s: wanted %v, got %v", name, wanted, claims[name])
				}
			}
		})
	}
}

// verify uses only the text of the key set.
func verify(t *testing.T, key *testkey.Key, token string) (payload []byte, err error) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(testkey.Set(key)), &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Verify(set)
}
