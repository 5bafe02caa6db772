package jose

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// depthOf counts how deep brackets go, of what a tokenizer has accepted.
func depthOf(data []byte) (most int) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.ReadToken(); err != nil {
			return most
		}
		most = max(most, d.StackDepth())
	}
}

// oracle is what jsontext makes of data: the members, if it is one object.
func oracle(data []byte) (members [][2]string, ok bool) {
	value := jsontext.Value(data)
	if !value.IsValid() || value.Kind() != '{' {
		return nil, false
	}
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, false
		}
		text := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		members = append(members, [2]string{text, string(value)})
	}
	return members, true
}

// FuzzObject holds our reader to jsontext: the same acceptance at every input
// that is not too deep, the same members, the same text of every string.
func FuzzObject(f *testing.F) {
	seeds := []string{
		`{}`, ` { "a" : [ 1 , -0.5e+3 , true , null , "\u00e9\ud83d\ude00\/" ] } `, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":01}`,
		`{"a":1}x`, `[]`, ``, `{"\u0061":1,"a":2}`, "{\"\xff\":1}", `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`, "\ufeff{}",
		longClaims, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `{"a":tru}`, "{\"a\":\"\x7f\"}", "{\"a\":\"\x1f\"}",
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	var r Reader
	f.Fuzz(func(t *testing.T, data []byte) {
		want, ok := oracle(data)
		got, err := r.Object(data)
		if err == nil && !ok {
			t.Fatalf("%q: accepted", data)
		}
		if err != nil {
			if ok && depthOf(data) <= maxDepth {
				t.Fatalf("%q: refused: %v", data, err)
			}
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %d members, want %d", data, len(got), len(want))
		}
		for i, m := range got {
			if string(m.Name) != want[i][0] || string(m.Value) != want[i][1] {
				t.Fatalf("%q: got %q: %q, want %q: %q", data, m.Name, m.Value, want[i][0], want[i][1])
			}
			sameValue(t, m.Value)
		}
	})
}

func sameValue(t *testing.T, v Value) {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(v))
	token, err := d.ReadToken()
	if err != nil {
		t.Fatal(err)
	}
	if kind := byte(token.Kind()); kind != v.Kind() {
		t.Fatalf("%q: kind %q, want %q", v, v.Kind(), kind)
	}
	text, ok := v.Text()
	if ok != (v.Kind() == '"') || (ok && string(text) != token.String()) {
		t.Fatalf("%q: text %q, want %q", v, text, token.String())
	}
	var items []Value
	if array := v.Items(func(item Value) bool { items = append(items, item); return true }); array != (v.Kind() == '[') {
		t.Fatalf("%q: items: %v", v, array)
	}
	if v.Kind() == '[' {
		for _, item := range items {
			want, err := d.ReadValue()
			if err != nil || string(want) != string(item) {
				t.Fatalf("%q: item %q, want %q", v, item, want)
			}
			sameValue(t, item)
		}
		if d.PeekKind() != ']' {
			t.Fatalf("%q: want more than %d items", v, len(items))
		}
	}
	if v.Kind() == '{' {
		var r Reader
		if _, err := r.Object(v); err != nil {
			t.Fatalf("%q: %v", v, err)
		}
	}
}

// Few names are compared with each other, many are sorted: both must find the one.
func TestDuplicatesAmongMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 15, 16, 17, 18, 100, 1000} {
		var b strings.Builder
		for i := range n - 1 {
			b.WriteString(`"n` + strconv.Itoa(i*7919%n) + `":{},`)
		}
		rest := b.String()
		var r Reader
		if _, err := r.Object([]byte(`{` + rest + `"last":1}`)); err != nil {
			t.Errorf("%d names: %v", n, err)
		}
		for _, twice := range []string{"n0", `\u006e0`} {
			if _, err := r.Object([]byte(`{` + rest + `"` + twice + `":1}`)); !errors.Is(err, errDuplicate) {
				t.Errorf("%d names, %s twice: %v", n, twice, err)
			}
			if _, err := r.Object([]byte(`{"in":[{` + rest + `"` + twice + `":1}]}`)); !errors.Is(err, errDuplicate) {
				t.Errorf("%d names inside, %s twice: %v", n, twice, err)
			}
		}
	}
}

func TestReadObject(t *testing.T) {
	t.Parallel()
	seen := ""
	err := ReadObject([]byte(`{"a":1,"b":[{"c":2}]}`), func(name []byte, value Value) error {
		seen += string(name) + "=" + string(value) + ";"
		return nil
	})
	if err != nil || seen != `a=1;b=[{"c":2}];` {
		t.Errorf("got %q, %v", seen, err)
	}
	stop := errors.New("stop")
	visits := 0
	if err := ReadObject([]byte(`{"a":1,"b":2}`), func([]byte, Value) error { visits++; return stop }); err != stop || visits != 1 {
		t.Errorf("got %v after %d visits", err, visits)
	}
	// Nothing is shown of an object that turns out bad at its end.
	if err := ReadObject([]byte(`{"a":1,"a":2}`), func([]byte, Value) error { t.Error("visited"); return nil }); err == nil {
		t.Error("accepted")
	}
}

// TestMember: a member is found by what its name says, at this depth only.
func TestMember(t *testing.T) {
	t.Parallel()
	const object = ` { "a" : {"b": 1, "x": {"c": 2}} , "\u0062" : [{"a": 3}, "}"] , "" : "\"}" , "n":null,"é":-0.5e1, "a.b":true } `
	for name, want := range map[string]string{
		"a": `{"b": 1, "x": {"c": 2}}`, "b": `[{"a": 3}, "}"]`, "": `"\"}"`, "n": "null", "é": "-0.5e1", "a.b": "true",
		"c": "", "x": "", "A": "", `\u0062`: "", "a ": "", "}": "",
	} {
		value, ok := Value(strings.TrimSpace(object)).Member(name)
		if string(value) != want || ok != (want != "") {
			t.Errorf("%q: %s %t, want %s", name, value, ok, want)
		}
	}
	for _, other := range []string{`{}`, `[{"a":1}]`, `"a"`, `1`, `true`, `null`, ``, `{"a"`, `{"a":`, `{`, `{a:1}`} {
		if value, ok := Value(other).Member("a"); ok || value != nil {
			t.Errorf("%q has a member: %s", other, value)
		}
	}
	deep := strings.Repeat(`{"a":`, maxDepth-1) + "{}" + strings.Repeat("}", maxDepth-1)
	if _, err := new(Reader).Object([]byte(deep)); err != nil {
		t.Fatal(err)
	}
	value, ok := Value(deep), true
	for range maxDepth - 1 {
		if value, ok = value.Member("a"); !ok {
			t.Fatalf("not found in %s", deep)
		}
	}
	if string(value) != "{}" {
		t.Errorf("%s at the bottom", value)
	}
}

func TestZeroValue(t *testing.T) {
	t.Parallel()
	var v Value
	text, ok := v.Text()
	if _, member := v.Member(""); member || v.Kind() != 0 || ok || text != nil || v.Is("") || v.Items(func(Value) bool { return true }) {
		t.Error("an absent value says something")
	}
}

func BenchmarkReadObject(b *testing.B) {
	data := []byte(longClaims)
	b.Run("ours", func(b *testing.B) {
		var r Reader
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Object(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("jsontext", func(b *testing.B) {
		var d jsontext.Decoder
		b.ReportAllocs()
		for b.Loop() {
			d.Reset(bytes.NewBuffer(data))
			for {
				if _, err := d.ReadToken(); err != nil {
					break
				}
				if d.StackDepth() == 0 {
					break
				}
			}
		}
	})
}

// TestDepth: 32 levels, as the README has it, and no more.
func TestDepth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ open, end string }{"objects": {`{"a":`, "}"}, "arrays": {"[", "]"}} {
		for levels, want := range map[int]error{31: nil, 32: nil, 33: errDepth, 5000: errDepth} {
			text := `{"x":` + strings.Repeat(c.open, levels-1) + "1" + strings.Repeat(c.end, levels-1) + "}"
			if _, err := new(Reader).Object([]byte(text)); err != want {
				t.Errorf("%d levels of %s: %v, want %v", levels, name, err, want)
			}
		}
	}
}
