package policy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"bearerauth/filter/policy/syntax"
)

// TestClaimsAgainstOracle: rules and headers read a claim as encoding/json reads it, in
// each of the many ways to write a value.
func TestClaimsAgainstOracle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	paths := [][]string{{"c"}, {"c", "a"}, {"c", "a", "b"}, {"c", "__proto__"}, {"c", "a.b"}, {"a"}}
	met, told := 0, 0
	for range 25 {
		config := map[string]any{}
		var asked [][]oraclePredicate
		var rules []any
		for i := range 80 {
			list := []oraclePredicate{randomPredicate(r, paths), randomPredicate(r, paths)}[:1+r.IntN(2)]
			var claims []any
			for _, p := range list {
				claims = append(claims, p.config())
			}
			asked = append(asked, list)
			rules = append(rules, map[string]any{"match": map[string]any{"path": fmt.Sprint("/", i)}, "claims": claims})
		}
		var heads []map[string]any
		for i := range 40 {
			heads = append(heads, map[string]any{
				"claim": pick(r, paths...), "header": fmt.Sprint("x-", i), "format": pick(r, "text", "comma", "space", "json"),
				"base64url": r.IntN(2) == 0, "max_bytes": pick(r, 1, 3, 8, 4096),
			})
		}
		config["rules"], config["claim_headers"] = rules, heads
		p := mustParse(t, identityConfig(t, config, nil))
		s := p.NewState(Host{})
		for range 20 {
			var b strings.Builder
			b.WriteString(`{"iss":"https://issuer.example","aud":"api","exp":1893560000,"c":`)
			writeJSON(r, &b, 0)
			if r.IntN(2) == 0 {
				b.WriteString(`,"\u0061":`)
				writeJSON(r, &b, 0)
			}
			payload := b.String() + "}"
			claims, token := readJSON(t, payload), issuerOnce().signRaw(payload)
			for i, list := range asked {
				want := true
				for _, p := range list {
					want = want && p.holds(t, claims)
				}
				request := bearerRequest(token)
				request.Path = fmt.Sprint("/", i)
				if v := p.Decide(s, testNow, request); (decided(v) == "token_valid") != want {
					t.Fatalf("%+v of %s: %s", list, payload, decided(v))
				} else if want {
					met++
				}
			}
			v := p.Decide(s, testNow, bearerRequest(token))
			for _, h := range heads {
				got := setHeader(v, h["header"].(string))
				if why := wrongHeader(t, h, claimAt(claims, h["claim"].([]string)), got); why != "" {
					t.Fatalf("%v of %s: %q, %s", h, payload, got, why)
				}
				if got != "" {
					told++
				}
			}
		}
	}
	if met < 1000 || told < 1000 {
		t.Errorf("%d rules met, %d headers told: the property says little", met, told)
	}
}

type oraclePredicate struct {
	path   []string
	kind   string
	values []string // as JSON
}

func randomPredicate(r *rand.Rand, paths [][]string) oraclePredicate {
	p := oraclePredicate{path: pick(r, paths...), kind: pick(r, "equal", "one_of", "contains", "exists")}
	for range 1 + r.IntN(3) {
		p.values = append(p.values, pick(r, `"gold"`, `"1"`, `1`, `1.0`, `1e0`, `-0`, `0`, `true`, `"true"`, `false`, `"a"`, `"é"`, `9007199254740993`, `"a b"`))
	}
	return p
}

func (p oraclePredicate) config() any {
	want := raw(p.values[0])
	switch p.kind {
	case "one_of":
		want = raw("[" + strings.Join(p.values, ",") + "]")
	case "exists":
		want = raw("true")
	}
	return map[string]any{"claim": p.path, p.kind: want}
}

func (p oraclePredicate) holds(t *testing.T, claims any) bool {
	v := claimAt(claims, p.path)
	is := func(v any, text string) bool { return v != nil && reflect.DeepEqual(v, readJSON(t, text)) }
	ok := false
	switch p.kind {
	case "exists":
		return v != nil
	case "contains":
		items, _ := v.([]any)
		for _, item := range items {
			ok = ok || is(item, p.values[0])
		}
	case "equal":
		return is(v, p.values[0])
	default:
		for _, text := range p.values {
			ok = ok || is(v, text)
		}
	}
	return ok
}

func readJSON(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func claimAt(v any, path []string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// wrongHeader describes what is wrong with a header for a claim.
func wrongHeader(t *testing.T, h map[string]any, value any, got string) string {
	t.Helper()
	format, encoded, limit := h["format"].(string), h["base64url"].(bool), h["max_bytes"].(int)
	if len(got) > limit || got != "" && !syntax.IsPrintableASCII(got) {
		return "which is no header's value"
	}
	if format != "json" {
		want := toldText(value, map[string]string{"comma": ",", "space": " "}[format], encoded)
		if len(want) > limit {
			want = ""
		}
		if got != want {
			return "want " + want
		}
		return ""
	}
	if got == "" {
		if value != nil && limit == 4096 && len(mustJSON(value)) < 500 {
			return "and it is not too long"
		}
		return ""
	}
	if encoded {
		b, _ := base64.RawURLEncoding.DecodeString(got)
		got = string(b)
	}
	if !reflect.DeepEqual(readJSON(t, got), value) {
		return "which is another value"
	}
	return ""
}

func toldText(v any, separator string, encoded bool) string {
	list, ok := v.([]any)
	if !ok || separator == "" {
		list = []any{v}
	}
	var items []string
	for _, item := range list {
		switch item.(type) {
		case string, json.Number, bool:
		default:
			return ""
		}
		text := fmt.Sprint(item)
		if text == "" {
			return ""
		}
		items = append(items, toldItem(text, separator, encoded))
	}
	text := strings.Join(items, separator)
	if encoded {
		return b64([]byte(text))
	}
	return text
}

func toldItem(s, separator string, encoded bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		escape := separator != "" && (s[i:i+1] == separator || c == '%')
		if !encoded {
			escape = escape || c < ' ' || c > '~' || c == '%' || c == ' ' && (i == 0 || i == len(s)-1)
		}
		if escape {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// writeJSON writes a random value, with white space and escapes where JSON has them.
func writeJSON(r *rand.Rand, b *strings.Builder, depth int) {
	space := func() { b.WriteString(pick(r, "", "", " ", "\n", "\t\r ")) }
	space()
	defer space()
	switch k := r.IntN(10); {
	case k < 3 || depth > 3 && k > 6:
		writeText(r, b, pick(r, "gold", "a", "1", "true", "null", "", "a b", "a,b", "é", "%2C", "\U0001F600", "\x7f", "\n", " a ", "a%", "x\"y", "\\"))
	case k < 5:
		b.WriteString(pick(r, "1", "1.0", "1e0", "1E+0", "-0", "0", "9007199254740993", "9007199254740992", "10e-1", strings.Repeat("7", 400)))
	case k < 7:
		b.WriteString(pick(r, "true", "false", "null"))
	case k < 8:
		b.WriteString("[")
		for i := range r.IntN(4) {
			b.WriteString(","[:min(i, 1)])
			writeJSON(r, b, depth+1)
		}
		b.WriteString("]")
	default:
		names := []string{"a", "b", "A", "__proto__", "a.b", ""}
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		b.WriteString("{")
		for i, name := range names[:r.IntN(5)] {
			b.WriteString(","[:min(i, 1)])
			space()
			writeText(r, b, name)
			space()
			b.WriteString(":")
			writeJSON(r, b, depth+1)
		}
		b.WriteString("}")
	}
}

func writeText(r *rand.Rand, b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c < 0x10000 && (r.IntN(3) == 0 || c < ' ' || c == '"' || c == '\\'):
			fmt.Fprintf(b, pick(r, `\u%04x`, `\u%04X`), c)
		case c >= 0x10000 && r.IntN(2) == 0:
			b.WriteString(`\ud83d\uDE00`)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}
