package source

import (
	"bytes"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// wantText returns an error if the bytes are no text in UTF-8, as those of a module, an
// archive or UTF-16.
func wantText(text []byte) error {
	at := bytes.IndexByte(text, 0)
	if !utf8.Valid(text) {
		first := 0
		for first < len(text) {
			r, size := utf8.DecodeRune(text[first:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			first += size
		}
		if at < 0 || first < at {
			at = first
		}
	}
	if at < 0 {
		return nil
	}
	return &SyntaxError{lines(text)(at), fmt.Sprintf("want a text in UTF-8, got the byte 0x%02x", text[at])}
}

// renderFirst is the message about a template.
const renderFirst = "this is a template: render it first, as in helm template CHART | bearerauth check -"

var templated = regexp.MustCompile(`\{\{-?\s*[.$a-zA-Z/("]|\{%-?\s*[a-z]`)

// template returns where the first action of a template is, as Helm and Jinja write it, in
// a text that is not valid.
func template(text []byte) (offset int, is bool) {
	if at := templated.FindIndex(text); at != nil {
		return at[0], true
	}
	return 0, false
}
