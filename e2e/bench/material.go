package main

import (
	"context"
	"fmt"
	"time"

	"bearerauth/filter/testkey"
)

// material is what rows are made of: the issuer's keys, and tokens.
type material struct {
	root   string // the repository's folder
	keys   map[string]*testkey.Key
	tokens map[credential][]string

	authority int // the port of the authorization server
}

// newMaterial mints the rows' tokens: n of them where every request is to have
// another one.
func newMaterial(ctx context.Context, root string, rows []row, n int) (*material, error) {
	m := &material{root: root, keys: map[string]*testkey.Key{}, tokens: map[credential][]string{
		{}:         {""},
		opaque:     {staticToken(0)},
		manyOpaque: staticTokens(n),
	}}
	var err error
	if m.authority, err = startAuthority(); err != nil {
		return nil, err
	}
	now := time.Now()
	for _, r := range rows {
		if r.token.algorithm == "" || m.tokens[r.token] != nil {
			continue
		}
		count := 1
		if r.token.many {
			count = n
		}
		if m.tokens[r.token], err = mintMany(ctx, m.key(r.token.algorithm), count, now); err != nil {
			return nil, fmt.Errorf("minting %s tokens: %w", r.token.algorithm, err)
		}
	}
	return m, nil
}

// key is the issuer's key for an algorithm.
func (m *material) key(algorithm string) *testkey.Key {
	if m.keys[algorithm] == nil {
		m.keys[algorithm] = testkey.New(keyID, algorithm)
	}
	return m.keys[algorithm]
}
