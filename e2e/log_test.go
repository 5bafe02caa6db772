package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
	"bearerauth/e2e/issuer"
	"bearerauth/filter/testkey"
)

// TestLog: what Envoy says about a call is in the log of the filter: that it has no such
// cluster, and that it does not reach the server. A debug line names the difference.
func TestLog(t *testing.T) {
	t.Parallel()
	key := testkey.New("k1", "ES256")
	good, down := issuer.Run(t, key), issuer.Run(t, key)
	down.Down()
	misspelt := strings.Replace(fetched(good, ""), `"cluster": "issuer-at-`, `"cluster": "isuer-at-`, 1)
	p, _ := runWithIssuers(t, 1, []*issuer.Server{good, down},
		listener{name: "good", config: fetched(good, `, "audiences": ["orders"]`)}, listener{name: "down", config: fetched(down, "")},
		listener{name: "misspelt", config: misspelt})
	for _, want := range []string{
		`keys of provider idp are not there yet: no cluster "isuer-at-\d+" in Envoy`,
		`keys of provider idp are not there yet: want status 200, got "503" by Envoy itself, which does not reach the server: upstream connect error`,
	} {
		if _, err := p.Log.Wait(want, limit); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.AdminPost("/logging?wasm=debug"); err != nil {
		t.Fatal(err)
	}
	addr, token := envoy.Address(t, p, "good"), good.Token(key, issuer.Claims{"aud": "billing\nforged"})
	const line = `denied: wrong_audience: rule default rule: token; provider idp: takes the token; token aud: want "orders", got "billing\nforged"`
	// The filter sees the level on its next tick.
	for deadline := time.Now().Add(limit); !strings.Contains(p.Log.String(), line) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := attempt(addr, token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Log.Wait(regexp.QuoteMeta(line), limit); err != nil {
		t.Error(err)
	}
	for part := range strings.SplitSeq(token, ".") {
		if strings.Contains(p.Log.String(), part) {
			t.Error("a part of the token is in the log")
		}
	}
}
