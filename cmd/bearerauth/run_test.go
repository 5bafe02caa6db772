package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestErrorsInJSON: with --json the standard output is JSON, too, if the command cannot run.
func TestErrorsInJSON(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{
		"check --json absent.yaml", "--json chek x", "check --json --stric x", "check --json", "test --json absent.yaml",
		"import --json istio absent.yaml", "init --json --provider x", "token --json", "token hash --json",
	} {
		c := call(t, "", strings.Fields(arguments)...)
		var got struct{ Error string }
		if err := json.Unmarshal([]byte(c.out), &got); err != nil || c.status != 2 || got.Error == "" || !strings.Contains(c.errs, got.Error) {
			t.Errorf("%s: %v: %+v", arguments, err, c)
		}
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestCutOff: a command whose output is lost has not run.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{
		"check ../testdata/envoy/envoy.yaml", "check --json ../testdata/envoy/envoy.yaml", "test ../testdata/tests/shop_test.yaml",
		"version", "schema", "token new", "check --list-warnings",
	} {
		var errs strings.Builder
		if status := run(strings.Fields(arguments), strings.NewReader(""), full{}, &errs); status != 2 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%s: status %d, %s", arguments, status, &errs)
		}
	}
}

// TestNullDevice: the null device is no terminal: it is asked nothing and gets no colour.
func TestNullDevice(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var errs strings.Builder
	if status := run([]string{"init", "--dir", t.TempDir()}, null, null, &errs); status != 2 || !strings.HasPrefix(errs.String(), "bearerauth: --provider: want one of") {
		t.Errorf("status %d, %q", status, &errs)
	}
	if hasColour(null) {
		t.Error("the null device has colour")
	}
}

// TestTokenIsNotRepeated: a token that was given as an argument is in no message.
func TestTokenIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"token", "decode", "secret"}, {"token", "hash", "secret"}, {"token", "secret"}, {"token", "hash", "--json", "secret"}} {
		if c := call(t, "", arguments...); c.status != 2 || strings.Contains(c.out+c.errs, "secret") {
			t.Errorf("%s: %+v", arguments, c)
		}
	}
}

// TestTokenLimits: a digest is that of the whole token, and no mistake makes a token that
// is valid for ever.
func TestTokenLimits(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{16384: 0, 16385: 2, 17408: 2, 100000: 2} {
		if c := call(t, "Bearer "+strings.Repeat("a", size)+"\n", "token", "hash"); c.status != want {
			t.Errorf("a token of %d bytes: %+v", size, c)
		}
	}
	for _, lifetime := range []string{"0", "0s", "1ns", "-1h"} {
		if c := call(t, "", "token", "new", "--expires", lifetime); c.status != 2 || c.out != "" {
			t.Errorf("--expires %s: %+v", lifetime, c)
		}
	}
}

func jwt(header, claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + ".c2ln"
}

// TestDecode: a forged token does not write on the terminal, and times of any size are
// read.
func TestDecode(t *testing.T) {
	t.Parallel()
	c := call(t, jwt(`{"alg":"none"}`, "{\"a\":\"\u009b31m\u202e\x7f\U000e0041\",\"exp\":1e300,\"nbf\":99999999999999,\"iat\":4102444800}"), "token", "decode")
	if c.status != 0 || !strings.Contains(c.out, `\u009b31m\u202e\u007f\udb40\udc41`) || strings.Contains(c.out, "exp: ") || strings.Contains(c.out, "nbf: ") {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(c.out, "iat: 2100-01-01T00:00:00Z, in ") || !strings.Contains(c.out, " days\n") {
		t.Errorf("%+v", c)
	}
	for _, token := range []string{jwt("1", "{}"), jwt("{}", "[]"), jwt("null", "{}"), jwt("{", "{}"), "a.b", "..", "a.b.c.d.e"} {
		if c := call(t, token, "token", "decode"); c.status != 2 || strings.Contains(c.errs, token) {
			t.Errorf("%s: %+v", token, c)
		}
	}
}

// TestImportOfNothing: a file without a filter jwt_authn is named.
func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"static_resources: {}\n", "kind: Service\n", "", "- a\n", "a: 1\n---\nb: 1\n"} {
		if c := call(t, input, "import", "jwt-authn", "-"); c.status != 2 || !strings.Contains(c.errs, "<stdin>: want a filter jwt_authn") {
			t.Errorf("%q: %+v", input, c)
		}
	}
}
