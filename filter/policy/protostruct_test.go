package policy

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"bearerauth/filter/policy/config"
)

// What protobuf's own encoder writes for the values of google.protobuf.Struct.
func field(number byte, body string) string {
	return string(append([]byte{number<<3 | 2}, binary.AppendUvarint(nil, uint64(len(body)))...)) + body
}
func stringValue(s string) string     { return field(3, s) }
func entry(name, value string) string { return field(1, field(1, name)+field(2, value)) }
func structValue(entries ...string) string {
	return field(5, strings.Join(entries, ""))
}

func listValue(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(field(1, v))
	}
	return field(6, b.String())
}

func numberValue(f float64) string {
	return "\x11" + string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)))
}

func minimalStruct(more ...string) string {
	return entry("providers", structValue(entry("clients", structValue(
		entry("type", stringValue("static")),
		entry("tokens", listValue(structValue(entry("sha256", stringValue(digestOf("fake"))))))))),
	) + strings.Join(more, "")
}

func TestParseStruct(t *testing.T) {
	t.Parallel()
	p, err := Parse([]byte(minimalStruct(entry("forward_authorization", "\x20\x01"), entry("realm", stringValue("r")))))
	if err != nil {
		t.Fatal(err)
	}
	if !p.forwardAuthorization || p.realm != "r" || p.static.Empty() {
		t.Errorf("%+v", p)
	}
	for want, config := range map[string]string{
		"Realm: unknown member":              minimalStruct(entry("Realm", stringValue("r"))),
		"realm: want a string, got a number": minimalStruct(entry("realm", numberValue(1))),
		"realm: want a string, got null":     minimalStruct(entry("realm", "\x08\x00")),
		"not valid JSON":                     minimalStruct() + "\x00",
		"configuration: 1 problem":           minimalStruct(entry("realm", stringValue("\xff"))),
		"duplicate member":                   minimalStruct(entry("realm", stringValue("r")), entry("realm", stringValue("r"))),
	} {
		if _, err := Parse([]byte(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for i := range minimalStruct() {
		if i == 0 {
			continue
		}
		if _, err := Parse([]byte(minimalStruct()[:i])); err == nil {
			t.Errorf("the first %d bytes are accepted", i)
		}
	}
}

// TestStructNumbers: a Struct has doubles only. Whole ones are compared as
// integers, and those that may have been another number are not taken: 2^53+1
// would let 2^53 in.
func TestStructNumbers(t *testing.T) {
	t.Parallel()
	text := func(f float64) string {
		return minimalStruct(entry("rules", listValue(structValue(entry("claims", listValue(structValue(
			entry("claim", listValue(stringValue("a"), stringValue("b"))), entry("one_of", listValue(numberValue(f))),
		)))))))
	}
	for f, want := range map[float64]string{
		1: "1", 0: "0", -7: "-7", 1e6: "1000000", 1e15: "1000000000000000", 1<<53 - 1: "9007199254740991", 1.5: "1.5", -0.25: "-0.25", 1e-7: "1e-07",
	} {
		if _, err := Parse([]byte(text(f))); err != nil {
			t.Errorf("%v: %v", f, err)
			continue
		}
		problems := new(config.Problems)
		o := &config.Object{Node: config.ReadDocument([]byte(text(f)), problems), Problems: problems}
		for _, name := range []string{"rules", "claims"} {
			o = config.AsObject(o.Array(name)[0], problems)
		}
		if got := o.Array("one_of")[0]; got.Kind != '0' || got.Text != want {
			t.Errorf("%v: %v %s, want %s", f, got.Kind, got.Text, want)
		}
	}
	for _, f := range []float64{1 << 53, 1<<53 + 2, -1 << 53, 1e300, math.Inf(1), math.NaN()} {
		if _, err := Parse([]byte(text(f))); err == nil || !strings.Contains(err.Error(), "rules[0].claims[0].one_of[0]: want a whole number below 2^53") {
			t.Errorf("%v: %v", f, err)
		}
	}
}
