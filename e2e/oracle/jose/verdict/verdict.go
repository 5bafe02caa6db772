// Package verdict says in a line what filter/jose makes of a line: so the same
// questions can be put to two compilers' code.
package verdict

import (
	"encoding/hex"
	"strconv"
	"strings"

	"bearerauth/filter/jose"
)

// Signature asks whether a signature is one over text. The key is PEM, a JWK Set,
// or as octets a secret.
func Signature(a jose.Algorithm, kind, key, text string, signature []byte) string {
	return strings.Join([]string{kind, strconv.Itoa(int(a)), octets(key), octets(text), octets(string(signature))}, " ")
}

// Token asks about a token under a JWK Set, which may hold secrets or not.
func Token(set, token string, secrets bool) string {
	return strings.Join([]string{"token", strconv.FormatBool(secrets), octets(set), octets(token)}, " ")
}

// SelfTest asks which algorithms know their own good and forged signatures.
const SelfTest = "selftest"

func octets(s string) string { return "x" + hex.EncodeToString([]byte(s)) }

// Of answers a question. What is no question has no good answer, either.
func Of(question string) string {
	words := strings.Fields(question)
	for i, word := range words {
		if encoded, ok := strings.CutPrefix(word, "x"); ok {
			decoded, err := hex.DecodeString(encoded)
			if err != nil {
				return "not a question: " + err.Error()
			}
			words[i] = string(decoded)
		}
	}
	switch {
	case question == SelfTest:
		works, err := jose.SelfTest(nil)
		return works.String() + " " + said(err)
	case len(words) == 4 && words[0] == "token":
		return ofToken(words[2], words[3], words[1] == "true")
	case len(words) == 5:
		a, err := strconv.Atoi(words[1])
		if err != nil {
			return "not a question: " + err.Error()
		}
		return ofSignature(jose.Algorithm(a), words[0], words[2], words[3], []byte(words[4]))
	}
	return "not a question"
}

func ofSignature(a jose.Algorithm, kind, key, text string, signature []byte) string {
	var keys []*jose.Key
	var err error
	switch kind {
	case "pem":
		keys, err = jose.ParsePEM([]byte(key))
	case "set":
		var set *jose.KeySet
		if set, err = jose.ParseSet([]byte(key), jose.RefuseSecrets); err == nil {
			keys = set.Keys
		}
	case "secret":
		var k *jose.Key
		if k, err = jose.NewSecret("", false, []byte(key), a); err == nil {
			keys = append(keys, k)
		}
	default:
		return "no kind of key: " + kind
	}
	return verdicts(a, keys, text, signature) + " " + said(err)
}

// ofToken is Parse, and Verify even where the payload is no claims.
func ofToken(document, token string, secrets bool) string {
	policy := jose.RefuseSecrets
	if secrets {
		policy = jose.AllowSecrets
	}
	set, err := jose.ParseSet([]byte(document), policy)
	answer := said(err)
	var p jose.Parser
	m, err := p.Parse(token)
	answer += " " + said(err)
	if err == nil {
		answer += " " + strconv.Itoa(len(m.Claims)) + " claims " +
			verdicts(m.Algorithm, set.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil), m.Signed, m.Signature)
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if m, err = p.Parse(header + ".e30." + signature); err == nil {
		answer += " signature " + verdicts(m.Algorithm, set.Candidates(m.KeyID, m.HasKeyID, m.Algorithm, nil), header+"."+payload, m.Signature)
	}
	return answer
}

func verdicts(a jose.Algorithm, keys []*jose.Key, text string, signature []byte) string {
	answer := "of " + strconv.Itoa(len(keys)) + ":"
	for _, k := range keys {
		answer += " " + strconv.FormatBool(k.Verify(a, text, signature, nil))
	}
	return answer
}

func said(err error) string {
	if err == nil {
		return "ok"
	}
	return "(" + err.Error() + ")"
}
