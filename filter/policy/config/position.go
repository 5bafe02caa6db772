package config

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"bearerauth/filter/policy/syntax"
)

// position returns the line and the column of an offset for a message. Columns count
// characters, as editors do.
func position(text []byte, offset int) string {
	offset = min(max(offset, 0), len(text))
	line, start := 1, 0
	for i, c := range text[:offset] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	column := utf8.RuneCount(text[start:offset]) + 1
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ": "
}

// syntaxMessage says where a document stops being JSON, and why. It omits the JSON
// pointer and the quoted text of the tokenizer: the name of a member may be a secret.
func syntaxMessage(text []byte, err error) string {
	e, ok := err.(*jsontext.SyntacticError)
	if !ok || e.Err == nil {
		return strings.TrimPrefix(err.Error(), "jsontext: ")
	}
	offset := int(e.ByteOffset)
	message, _, _ := strings.Cut(e.Err.Error(), ` "`)
	return position(text, offset) + message + syntaxHint(text, offset)
}

// syntaxHint names the usual mistakes.
func syntaxHint(text []byte, offset int) string {
	if offset >= len(text) {
		return ": the end of the document is missing"
	}
	rest := strings.TrimLeft(string(text[offset:min(len(text), offset+64)]), ", \t\r\n")
	switch c := text[offset]; {
	case c == ',' && rest != "" && (rest[0] == '}' || rest[0] == ']'):
		return ": JSON has no comma after the last item"
	case c == '/' || c == '#':
		return ": JSON has no comments"
	case c == '\'':
		return ": JSON has strings in double quotes"
	case len(bytes.TrimSpace(text[:offset])) == 0:
		return `: want a JSON object, {"providers": …}`
	case syntax.IsAlpha(c):
		return ": JSON has names and texts in double quotes, and true, false and null in lower case"
	}
	return ""
}
