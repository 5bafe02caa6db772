package config

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// Envoy's documentation says that a configuration of type google.protobuf.Struct
// arrives as JSON. Envoy 1.40 passes the message in its wire format. So the functions below read
// google/protobuf/struct.proto into the same tree as JSON:
//
//	Struct    { map<string, Value> fields = 1; }
//	ListValue { repeated Value values = 1; }
//	Value     { null_value = 1, number_value = 2, string_value = 3,
//	            bool_value = 4, struct_value = 5, list_value = 6 }

// errStruct means that the message is no Struct.
var errStruct = errors.New("not a google.protobuf.Struct")

// The wire types of protobuf that the messages use.
const (
	wireVarint = 0
	wireFixed  = 1
	wireBytes  = 2
)

// readStruct reads a whole message. It accepts nothing that the three types above do
// not have, so that no JSON text is taken for a Struct.
func readStruct(message []byte, path string, depth int, p *Problems) (*Node, error) {
	if depth > maxConfigDepth {
		return nil, errStruct
	}
	n := &Node{Path: path, Kind: '{'}
	for len(message) > 0 {
		var entry []byte
		var err error
		if entry, message, err = cutBytes(message, 1); err != nil {
			return nil, err
		}
		name, rest, err := cutBytes(entry, 1)
		if err != nil || !utf8.Valid(name) {
			return nil, errStruct
		}
		value, rest, err := cutBytes(rest, 2)
		if err != nil || len(rest) > 0 {
			return nil, errStruct
		}
		m := Member{Name: string(name)}
		for i := range n.Members {
			if n.Members[i].Name == m.Name {
				p.addDuplicate(path, m.Name, len(n.Members)+1)
			}
		}
		outer := p.enter(path, m.Name, depth)
		if m.Value, err = readValue(value, JoinPath(path, m.Name), depth+1, p); err != nil {
			return nil, err
		}
		p.safePath = outer
		n.Members = append(n.Members, m)
	}
	return n, nil
}

func readValue(message []byte, path string, depth int, p *Problems) (*Node, error) {
	n := &Node{Path: path, Kind: 'n'}
	if len(message) == 0 {
		return nil, errStruct
	}
	field, rest := message[0]>>3, message[1:]
	switch wire := message[0] & 7; {
	case field == 1 && wire == wireVarint:
		if len(rest) != 1 || rest[0] != 0 {
			return nil, errStruct
		}
	case field == 2 && wire == wireFixed:
		if len(rest) != 8 {
			return nil, errStruct
		}
		n.Kind = '0'
		// A Struct has doubles only. A claim is compared with the text of a number, so
		// whole numbers get the text of an integer.
		f := math.Float64frombits(binary.LittleEndian.Uint64(rest))
		n.Text = strconv.FormatFloat(f, 'g', -1, 64)
		n.Inexact = !(math.Abs(f) < 1<<53)
		if !n.Inexact && f == math.Trunc(f) {
			n.Text = strconv.FormatInt(int64(f), 10)
		}
	case field == 4 && wire == wireVarint:
		if len(rest) != 1 || rest[0] > 1 {
			return nil, errStruct
		}
		n.Kind = 'f'
		if rest[0] == 1 {
			n.Kind = 't'
		}
	case wire == wireBytes:
		body, rest, err := cutBytes(message, field)
		if err != nil || len(rest) > 0 {
			return nil, errStruct
		}
		switch field {
		case 3:
			if !utf8.Valid(body) {
				return nil, errStruct
			}
			n.Kind, n.Text = '"', string(body)
		case 5:
			return readStruct(body, path, depth, p)
		case 6:
			return readList(body, path, depth, p)
		default:
			return nil, errStruct
		}
	default:
		return nil, errStruct
	}
	return n, nil
}

func readList(message []byte, path string, depth int, p *Problems) (*Node, error) {
	if depth > maxConfigDepth {
		return nil, errStruct
	}
	n := &Node{Path: path, Kind: '['}
	for i := 0; len(message) > 0; i++ {
		var value []byte
		var err error
		if value, message, err = cutBytes(message, 1); err != nil {
			return nil, err
		}
		item, err := readValue(value, path+"["+strconv.Itoa(i)+"]", depth+1, p)
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	return n, nil
}

// cutBytes cuts a length-delimited field of this number from the front.
func cutBytes(message []byte, field byte) (body, rest []byte, err error) {
	if len(message) == 0 || message[0] != field<<3|wireBytes {
		return nil, nil, errStruct
	}
	size, n := binary.Uvarint(message[1:])
	if n <= 0 || size > uint64(len(message)-1-n) {
		return nil, nil, errStruct
	}
	body = message[1+n : 1+n+int(size)]
	return body, message[1+n+int(size):], nil
}
