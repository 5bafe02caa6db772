package source

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SyntaxError is a text that is neither JSON nor YAML.
type SyntaxError struct {
	At      Position
	Message string
}

func (e *SyntaxError) Error() string { return e.Message }

// readJSON reads a text with one JSON value. where returns the place of a byte of it.
func readJSON(text []byte, where func(offset int) Position) (*Value, error) {
	r := jsonReader{jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true)), text, where}
	v, err := r.value()
	if err == nil {
		end := r.d.InputOffset()
		if _, err = r.d.ReadToken(); err == io.EOF {
			return v, nil
		} else if err == nil {
			next := int(end)
			next += len(text[next:]) - len(bytes.TrimLeft(text[next:], " \t\r\n"))
			return nil, &SyntaxError{where(next), "not valid JSON: want nothing after the first value"}
		}
	}
	offset := int(r.d.InputOffset())
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		offset = int(syntactic.ByteOffset)
		err = syntactic.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, &SyntaxError{where(len(text)), "not valid JSON: the text ends too early"}
	}
	if at, is := template(text); is {
		return nil, &SyntaxError{where(at), "not valid JSON: " + renderFirst}
	}
	return nil, &SyntaxError{where(offset), "not valid JSON: " + wantJSON(text[min(offset, len(text)):], err)}
}

// wantJSON says what to do about the text at which JSON ends. The decoder says only which
// character it did not want.
func wantJSON(rest []byte, err error) string {
	first := byte(0)
	if len(rest) > 0 {
		first = rest[0]
	}
	next := bytes.TrimLeft(rest[min(1, len(rest)):], " \t\r\n")
	switch {
	case first == ',' && len(next) > 0 && (next[0] == '}' || next[0] == ']'):
		return "want no comma before " + string(next[:1])
	case first == '/' || first == '#':
		return "want no comments, which JSON does not have (a configuration in YAML can have them)"
	case first == '\'':
		return "want double quotes"
	}
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

type jsonReader struct {
	d     *jsontext.Decoder
	text  []byte
	where func(int) Position
}

// next reads a token and returns where it begins.
func (r *jsonReader) next() (jsontext.Token, Position, error) {
	begin := int(r.d.InputOffset())
	for begin < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[begin]) >= 0 {
		begin++
	}
	token, err := r.d.ReadToken()
	return token, r.where(begin), err
}

func (r *jsonReader) value() (*Value, error) {
	token, at, err := r.next()
	if err != nil {
		return nil, err
	}
	v := &Value{Kind: byte(token.Kind()), At: at}
	switch v.Kind {
	case '"':
		v.Text = token.String()
		v.inner = func(int) Position { return at }
	case '0':
		v.Text = token.String()
	case '{':
		for r.d.PeekKind() != '}' {
			name, at, err := r.next()
			if err != nil {
				return nil, err
			}
			m := Member{Name: name.String(), At: at}
			if m.Value, err = r.value(); err != nil {
				return nil, err
			}
			v.Members = append(v.Members, m)
		}
		_, err = r.d.ReadToken()
	case '[':
		for r.d.PeekKind() != ']' {
			item, err := r.value()
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, item)
		}
		_, err = r.d.ReadToken()
	}
	return v, err
}

// lines returns where the bytes of a text are that begins at line 1, column 1.
func lines(text []byte) func(offset int) Position {
	return func(offset int) Position {
		before := text[:min(offset, len(text))]
		return Position{
			Line:   1 + bytes.Count(before, []byte("\n")),
			Column: len(before) - bytes.LastIndexByte(before, '\n'),
		}
	}
}
