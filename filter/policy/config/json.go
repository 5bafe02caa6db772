package config

import (
	"github.com/go-json-experiment/json/jsontext"
)

// AppendJSON appends s as a JSON string. It cannot fail: configured texts were
// checked to be valid UTF-8.
func AppendJSON(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
