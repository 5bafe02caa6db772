package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"bearerauth/filter/testkey"
)

const (
	issuerName = "https://issuer.example"
	audience   = "orders"
	// What makes an RS256 token, header and signature included, 660 bytes long.
	headerLength  = 45
	payloadLength = 192
	keyID         = "key-26"
)

var encoding = base64.RawURLEncoding

// mint makes the n-th token: all differ, and all have the same length.
func mint(key *testkey.Key, n int, now time.Time) (string, error) {
	header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt","kid":%q}`, key.Algorithm, key.ID)
	payload := fmt.Sprintf(`{"iss":%q,"sub":"user-%08d","aud":%q,"exp":%d,"iat":%d,"scope":"orders:read orders:write","tier":"gold","org":"acme","jti":"`,
		issuerName, n, audience, now.Add(24*time.Hour).Unix(), now.Unix()-60)
	payload += strings.Repeat("0", max(0, payloadLength-len(payload)-2)) + `"}`
	if len(header) != headerLength || len(payload) != payloadLength {
		return "", fmt.Errorf("wanted a header of %d and a payload of %d bytes, got %d and %d", headerLength, payloadLength, len(header), len(payload))
	}
	return key.JWS(header, payload), nil
}

// mintMany uses all processors: 20,000 RSA signatures take one of them 15 s.
func mintMany(ctx context.Context, key *testkey.Key, n int, now time.Time) ([]string, error) {
	tokens := make([]string, n)
	workers := runtime.GOMAXPROCS(0)
	failures := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && failures[w] == nil && ctx.Err() == nil; i += workers {
				tokens[i], failures[w] = mint(key, i, now)
			}
		})
	}
	all.Wait()
	return tokens, errors.Join(append(failures, ctx.Err())...)
}

// staticToken is the n-th opaque token, of 43 bytes.
func staticToken(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "bench token %d", n))
	return encoding.EncodeToString(sum[:])
}

func staticTokens(n int) []string {
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = staticToken(i)
	}
	return tokens
}

func staticDigest(n int) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(staticToken(n))))
}
