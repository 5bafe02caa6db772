package filter_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bearerauth/filter/internal/wasmhost"
	"bearerauth/filter/testkey"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

type members = map[string]any

// inlineConfig has the keys in it.
func inlineConfig(keys ...*testkey.Key) string {
	return fmt.Sprintf(`{"subject_header": "x-auth-subject",
		"providers": {"idp": {"type": "jwt", "issuer": %q, "jwks": %s}}}`, testkey.Issuer, testkey.Set(keys...))
}

// envoyVerifies is Envoy's verify_signature: a protobuf message in, another out.
func envoyVerifies(argument []byte) ([]byte, wasmhost.Status) {
	var fields [5][]byte
	for len(argument) > 0 {
		number := argument[0] >> 3
		size, n := binary.Uvarint(argument[1:])
		if argument[0]&7 != 2 || number < 1 || number > 4 || n <= 0 || size > uint64(len(argument)-1-n) {
			return nil, wasmhost.BadArgument
		}
		fields[number] = argument[1+n : 1+n+int(size)]
		argument = argument[1+n+int(size):]
	}
	valid, done := testkey.HostVerifies(string(fields[1]), fields[2], fields[3], fields[4])
	if !done {
		return nil, wasmhost.BadArgument
	}
	if !valid {
		return nil, wasmhost.OK // as protobuf writes false
	}
	return []byte{1 << 3, 1}, wasmhost.OK
}

func warnings(vm *wasmhost.VM) (lines []string) {
	for _, log := range vm.Logs() {
		if log.Level >= wasmhost.Warn {
			lines = append(lines, log.Message)
		}
	}
	return lines
}

func send(plugin *wasmhost.Plugin, token string) *wasmhost.Stream {
	s := plugin.NewStream()
	s.RequestHeaders(request("/", "Bearer "+token), true)
	return s
}

func wantSubject(t *testing.T, s *wasmhost.Stream, subject string) {
	t.Helper()
	if s.Outcome() != wasmhost.Continued {
		t.Fatalf("%s %+v, want the request to go on", s.Outcome(), s.Reply())
	}
	if got := header(s.Upstream().Headers, "x-auth-subject"); got != subject {
		t.Fatalf("subject %q, want %q", got, subject)
	}
}

// TestVerifySignature: whatever the host offers, good tokens pass and forged
// ones do not, in every algorithm; and the host is asked only where it is right.
func TestVerifySignature(t *testing.T) {
	t.Parallel()
	keys := testkey.All()
	yes := func([]byte) ([]byte, wasmhost.Status) { return []byte{1 << 3, 1}, wasmhost.OK }
	no := func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.OK }
	missing := func([]byte) ([]byte, wasmhost.Status) { return nil, wasmhost.NotFound }
	for name, c := range map[string]struct {
		start, later wasmhost.ForeignFunction
		asked        bool // for tokens
		warnings     int
	}{
		"no such function":  {nil, nil, false, 0},
		"works":             {envoyVerifies, envoyVerifies, true, 0},
		"calls all good":    {yes, yes, false, 1},
		"calls all bad":     {no, no, false, 0},
		"always fails":      {missing, missing, false, 0},
		"fails later":       {envoyVerifies, missing, true, 0},
		"is missing later":  {envoyVerifies, nil, false, 0},
		"comes later":       {nil, yes, false, 0},
		"no RSA":            {withoutRSA, withoutRSA, true, 0},
		"says it with more": {verbose, verbose, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vm := startVM(t, wasmhost.Options{})
			if c.start != nil {
				vm.ForeignFunctions["verify_signature"] = c.start
			}
			plugin := startPlugin(t, vm, inlineConfig(keys...))
			second := startPlugin(t, vm, inlineConfig(keys...))
			delete(vm.ForeignFunctions, "verify_signature")
			asked := 0
			if c.later != nil {
				vm.ForeignFunctions["verify_signature"] = func(argument []byte) ([]byte, wasmhost.Status) {
					asked++
					return c.later(argument)
				}
			}
			for _, key := range keys {
				token := key.Token(vm.Now(), nil)
				wantReply(t, send(plugin, testkey.Forged(token)), 401, "bad_signature")
				for range 2 {
					wantSubject(t, send(plugin, token), "alice")
				}
				wantSubject(t, send(second, token), "alice")
			}
			if (asked > 0) != c.asked {
				t.Errorf("the host was asked %d times", asked)
			}
			if got := warnings(vm); len(got) != c.warnings {
				t.Errorf("warnings %q, want %d", got, c.warnings)
			}
		})
	}
}

// withoutRSA is a host that knows only half of the algorithms.
func withoutRSA(argument []byte) ([]byte, wasmhost.Status) {
	if strings.Contains(string(argument), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") { // rsaEncryption
		return nil, wasmhost.BadArgument
	}
	return envoyVerifies(argument)
}

// verbose writes false, too.
func verbose(argument []byte) ([]byte, wasmhost.Status) {
	result, status := envoyVerifies(argument)
	if status == wasmhost.OK && result == nil {
		return []byte{1 << 3, 0}, status
	}
	return result, status
}
