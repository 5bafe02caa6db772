package main

import (
	"crypto/ed25519"
	"strings"
	"sync"
	"time"

	"bearerauth/filter/testkey"
)

// fakeSeed makes the private key for the public key in envoy.yaml. It is for the demo
// alone and no secret: every reader of this file can sign with it.
const fakeSeed = "a-fake-key-for-the-demo-only!!!!"

// tokens are what the demo shows of JWTs, by the names that the table has.
var tokens = sync.OnceValue(func() map[string]string {
	key := &testkey.Key{ID: "demo-only", Algorithm: "EdDSA", Private: ed25519.NewKeyFromSeed([]byte(fakeSeed))}
	now := time.Now().Unix()
	mint := func(subject, scope string, expires int64) string {
		return key.Token(time.Now(), testkey.Members{
			"sub": subject, "aud": "demo", "scope": scope, "tier": "gold", "iat": expires - 3600, "exp": expires,
		})
	}
	token, admin := mint("carol", "read", now+3600), mint("dave", "read admin", now+3600)
	// Another's claims over the signature of one's own.
	signature := token[strings.LastIndexByte(token, '.'):]
	return map[string]string{
		"TOKEN":   token,
		"ADMIN":   admin,
		"EXPIRED": mint("carol", "read", now-3600),
		"FORGED":  admin[:strings.LastIndexByte(admin, '.')] + signature,
	}
})
