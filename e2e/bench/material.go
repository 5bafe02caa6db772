package main

import (
	"context"
	"fmt"
	"time"
)

// material is what rows are made of: the issuer's keys, and tokens.
type material struct {
	root   string // the repository's folder
	keys   map[string]*signer
	tokens map[credential][]string

	authority int // the port of the authorization server
}

// newMaterial mints the rows' tokens: n of them where every request is to have
// another one.
func newMaterial(ctx context.Context, root string, rows []row, n int) (*material, error) {
	m := &material{root: root, keys: map[string]*signer{}, tokens: map[credential][]string{
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
		key, err := m.key(r.token.algorithm)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", r.name, err)
		}
		count := 1
		if r.token.many {
			count = n
		}
		if m.tokens[r.token], err = key.mintMany(ctx, count, now); err != nil {
			return nil, fmt.Errorf("minting %s tokens: %w", r.token.algorithm, err)
		}
	}
	return m, nil
}

func (m *material) key(algorithm string) (*signer, error) {
	if key := m.keys[algorithm]; key != nil {
		return key, nil
	}
	key, err := newSigner(algorithm)
	if err == nil {
		m.keys[algorithm] = key
	}
	return key, err
}

// jwks is the issuer's key set for an algorithm, as JSON.
func (m *material) jwks(algorithm string) (string, error) {
	key, err := m.key(algorithm)
	if err != nil {
		return "", err
	}
	return key.jwks()
}
