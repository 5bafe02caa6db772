package jose

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"bearerauth/e2e/oracle/jose/verdict"
)

// TestTinyGo: code that TinyGo compiled says the same as Go's, vector by vector,
// errors and all. Whether Go is right is for the other tests.
func TestTinyGo(t *testing.T) {
	t.Parallel()
	path := os.Getenv("VERDICTS")
	if path == "" {
		t.Skip("make small-test runs this: it needs TinyGo")
	}
	guest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	questions := append(signatureQuestions(t), secretQuestions(t)...)
	questions = append(questions, tokenQuestions(t)...)
	questions = append(questions, exampleQuestions(t)...)
	questions = append(questions, verdict.SelfTest)
	answers := ask(t, guest, questions)
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	good := 0
	for i, question := range questions {
		want := verdict.Of(question)
		if answers[i] != want {
			t.Errorf("TinyGo says %q, Go %q, to\n%s", answers[i], want, question)
		}
		if strings.Contains(want, "true") {
			good++
		}
	}
	t.Logf("%d questions, %d with a good signature", len(questions), good)
	if len(questions) < 5000 || good < 1000 {
		t.Errorf("only %d questions, %d with a good signature", len(questions), good)
	}
	if got := answers[len(answers)-1]; !strings.HasSuffix(got, " ok") || strings.Count(got, "S") < 12 {
		t.Errorf("self-test: %s", got)
	}
}

func ask(t *testing.T, guest []byte, questions []string) []string {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, runtime)
	var out, problems bytes.Buffer
	config := wazero.NewModuleConfig().WithStdin(strings.NewReader(strings.Join(questions, "\n"))).WithStdout(&out).WithStderr(&problems)
	if _, err := runtime.InstantiateWithConfig(ctx, guest, config); err != nil {
		t.Fatalf("%v\n%s", err, problems.Bytes())
	}
	var answers []string
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		answers = append(answers, lines.Text())
	}
	return answers
}

func signatureQuestions(t *testing.T) (questions []string) {
	t.Helper()
	for name, a := range signatureFiles {
		for _, group := range readVectors(t, name+"_test.json").TestGroups {
			keys := map[string]string{}
			if der := unhex(t, group.PublicKeyDer); der != "" {
				keys["pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte(der)}))
			}
			for _, jwk := range []json.RawMessage{group.PublicKeyJwk, group.KeyJwk} {
				if len(jwk) > 0 && string(jwk) != "null" {
					keys["set"] = `{"keys":[` + string(jwk) + `]}`
				}
			}
			for _, test := range group.Tests {
				for kind, key := range keys {
					questions = append(questions, verdict.Signature(a, kind, key, unhex(t, test.Msg), []byte(unhex(t, test.Sig))))
				}
			}
		}
	}
	return questions
}

func secretQuestions(t *testing.T) (questions []string) {
	t.Helper()
	for name, a := range secretFiles {
		for _, group := range readVectors(t, name+"_test.json").TestGroups {
			for _, test := range group.Tests {
				questions = append(questions, verdict.Signature(a, "secret", unhex(t, test.Key), unhex(t, test.Msg), []byte(unhex(t, test.Tag))))
			}
		}
	}
	return questions
}

func tokenQuestions(t *testing.T) (questions []string) {
	t.Helper()
	for _, name := range tokenFiles {
		for _, group := range readVectors(t, name).TestGroups {
			document := keySetOf(group.Public, group.Private)
			for _, test := range group.Tests {
				var token string
				if json.Unmarshal(test.JWS, &token) != nil {
					token = string(test.JWS)
				}
				questions = append(questions, verdict.Token(string(document), token, false), verdict.Token(string(document), token, true))
			}
		}
	}
	return questions
}

// exampleQuestions are the RFCs' examples, each also with one bit of its signature changed.
func exampleQuestions(t *testing.T) (questions []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "jose_examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Key   json.RawMessage
		Token string
	}
	if err := json.Unmarshal(content, &examples); err != nil || len(examples) < 9 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	for _, e := range examples {
		set := `{"keys":[` + string(e.Key) + `]}`
		at := strings.LastIndexByte(e.Token, '.') + 10
		forged := e.Token[:at] + string(rune(e.Token[at]^1)) + e.Token[at+1:]
		questions = append(questions, verdict.Token(set, e.Token, true), verdict.Token(set, forged, true))
	}
	return questions
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	octets, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(octets)
}
