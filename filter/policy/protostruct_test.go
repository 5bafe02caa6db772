package policy

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

// What protobuf's own encoder writes for the values of google.protobuf.Struct.
func field(number byte, body string) string {
	return string(append([]byte{number<<3 | wireBytes}, binary.AppendUvarint(nil, uint64(len(body)))...)) + body
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
	if !p.forwardAuthorization || p.realm != "r" || len(p.static.tokens) != 1 {
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
