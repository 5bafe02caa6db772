package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"bearerauth/filter/policy/config"
	"bearerauth/filter/policy/syntax"
)

func (a *app) token() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make and look into tokens",
		RunE: func(c *cobra.Command, _ []string) error {
			return fmt.Errorf("want new, hash or decode (see %s --help)", c.CommandPath())
		},
	}
	c.AddCommand(a.tokenNew(), a.tokenHash(), a.tokenDecode())
	return c
}

// entry is a static token in a configuration.
type entry struct {
	SHA256  string   `json:"sha256"`
	Subject string   `json:"subject,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	Expires string   `json:"expires,omitempty"`
}

func (a *app) tokenNew() *cobra.Command {
	var e entry
	var prefix string
	var lifetime time.Duration
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a random token and its configuration entry",
		Long: `Make a random token (256 bits) and the entry for it in the "tokens" of a static provider.

The token is printed once and kept nowhere. The entry has the digest only.`,
		Example: `  bearerauth token new --subject acme --scope orders:read --expires 2160h`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if want := checkEntry(&e, prefix); want != "" {
				return errors.New(want)
			}
			// A lifetime of 0 may be the mistake of a script: it must not mean for ever.
			if c.Flags().Changed("expires") && lifetime < time.Second {
				return errors.New("--expires: want a duration from now, such as 2160h")
			}
			if lifetime > 0 {
				e.Expires = time.Now().Add(lifetime).UTC().Format(time.RFC3339)
			}
			random := make([]byte, 32)
			if _, err := rand.Read(random); err != nil {
				return err
			}
			return a.showToken(prefix+base64.RawURLEncoding.EncodeToString(random), e)
		},
	}
	c.Flags().StringVar(&e.Subject, "subject", "", "the subject of the token")
	c.Flags().StringArrayVar(&e.Scopes, "scope", nil, "a scope of the token; can be given several times")
	c.Flags().StringVar(&prefix, "prefix", "", "a prefix by which leaked tokens can be found, such as acme_")
	c.Flags().DurationVar(&lifetime, "expires", 0, "how long the token is valid, such as 2160h (default: for ever)")
	return c
}

func checkEntry(e *entry, prefix string) string {
	if e.Subject != "" {
		if want := config.WantHeaderText(e.Subject); want != "" {
			return "--subject: " + want
		}
	}
	for _, scope := range e.Scopes {
		if want := config.WantScope(scope); want != "" {
			return "--scope: " + want
		}
	}
	if prefix != "" && (!syntax.IsB64Token(prefix) || strings.Contains(prefix, "=")) {
		return "--prefix: want characters that a token can have: letters, digits and -._~+/"
	}
	return ""
}

func (a *app) showToken(token string, e entry) error {
	e.SHA256 = digest(token)
	if a.json {
		return a.writeJSON(map[string]any{"token": token, "entry": e})
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "token, shown only now:\n  %s\nentry for \"tokens\" of a static provider:\n  %s\n", token, text)
	return nil
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (a *app) tokenHash() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Print the digest of a token",
		Long: `Print the SHA-256 of the token that is read from standard input: the "sha256" of a static
token. The token is no argument, because other users of the machine can see arguments.`,
		Example: `  printf %s "$TOKEN" | bearerauth token hash`,
		Args:    noToken,
		RunE: func(*cobra.Command, []string) error {
			token, err := a.readToken()
			if err != nil {
				return err
			}
			if !syntax.IsB64Token(token) {
				return errors.New("this cannot be a bearer token: want letters, digits and -._~+/, perhaps = at the end (RFC 6750)")
			}
			if a.json {
				return a.writeJSON(entry{SHA256: digest(token)})
			}
			fmt.Fprintln(a.out, digest(token))
			return nil
		},
	}
}

// noToken refuses a token as an argument, and does not repeat it.
func noToken(_ *cobra.Command, arguments []string) error {
	if len(arguments) > 0 {
		return errors.New("want no argument, and the token on standard input: other users of the machine can see arguments")
	}
	return nil
}

// readToken reads a token from standard input, without the scheme and the line's end.
func (a *app) readToken() (string, error) {
	const most = syntax.MaxTokenBytes + 1024 // with the scheme and spaces
	text, err := io.ReadAll(io.LimitReader(a.in, most))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return "", errors.New("want a token on standard input, got nothing (was the variable empty?)")
	}
	if len(text) == most || len(token) > syntax.MaxTokenBytes {
		return "", fmt.Errorf("want a token of at most %d bytes: the filter reads no longer one", syntax.MaxTokenBytes)
	}
	return token, nil
}

func (a *app) tokenDecode() *cobra.Command {
	return &cobra.Command{
		Use:   "decode",
		Short: "Show the header and the claims of a JWT, without verifying it",
		Long: `Show the header and the claims of the JWT that is read from standard input. Nothing is
verified: what is shown may be forged.`,
		Example: `  printf %s "$TOKEN" | bearerauth token decode`,
		Args:    noToken,
		RunE: func(*cobra.Command, []string) error {
			token, err := a.readToken()
			if err != nil {
				return err
			}
			return a.showDecoded(token)
		},
	}
}

func (a *app) showDecoded(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) == 5 {
		return errors.New("this is an encrypted JWT (JWE, five parts): its claims cannot be read")
	}
	if len(parts) != 3 {
		return fmt.Errorf("this is no JWT: want three parts with dots between them, got %s; an opaque token says nothing by itself", count(len(parts), "part"))
	}
	var decoded [2]json.RawMessage
	for i, name := range []string{"header", "payload"} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return fmt.Errorf("this is no JWT: its %s is no base64url without padding", name)
		}
		if !json.Valid(raw) || !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
			return fmt.Errorf("this is no JWT: its %s is no JSON object", name)
		}
		decoded[i] = raw
	}
	if a.json {
		return a.writeJSON(map[string]any{"verified": false, "header": decoded[0], "claims": decoded[1]})
	}
	fmt.Fprintln(a.out, a.yellow("Not verified: this token may be forged."))
	for i, name := range []string{"header", "claims"} {
		var text bytes.Buffer
		if err := json.Indent(&text, decoded[i], "", "  "); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: %s\n", name, visible(text.String()))
	}
	a.showTimes(decoded[1])
	return nil
}

// visible escapes, as JSON does, the characters that a terminal obeys and that change the
// order of a text: a forged token must not write on the terminal.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// showTimes writes the times of a token beside the time now.
func (a *app) showTimes(claims []byte) {
	const year10000 = 253402300800
	var times map[string]any
	if json.Unmarshal(claims, &times) != nil {
		return
	}
	for _, name := range []string{"iat", "nbf", "exp"} {
		seconds, ok := times[name].(float64)
		if !ok || seconds <= -year10000 || seconds >= year10000 {
			continue
		}
		at := time.Unix(int64(seconds), 0).UTC()
		when := "in " + distance(at.Unix()-time.Now().Unix())
		if at.Before(time.Now()) {
			when = distance(time.Now().Unix()-at.Unix()) + " ago"
		}
		fmt.Fprintf(a.out, "%s: %s, %s\n", name, at.Format(time.RFC3339), when)
	}
}

// distance is a number of seconds as a person reads it.
func distance(seconds int64) string {
	if days := seconds / (24 * 60 * 60); days > 1 {
		return count(int(days), "day")
	}
	return (time.Duration(seconds) * time.Second).String()
}
