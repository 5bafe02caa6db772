package wasmhost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mapType selects a map of a stream, or the response of a callout.
type mapType uint32

const (
	requestHeaders mapType = iota
	requestTrailers
	responseHeaders
	responseTrailers
	grpcInitialMetadata
	grpcTrailingMetadata
	calloutHeaders
	calloutTrailers
	endOfMapTypes
)

type pairs [][2]string

func (p pairs) String() string { return fmt.Sprint([][2]string(p)) }

func lowerCased(given [][2]string) pairs {
	lower := make(pairs, len(given))
	for n, pair := range given {
		lower[n] = [2]string{strings.ToLower(pair[0]), pair[1]}
	}
	return lower
}

func (p pairs) first(name string) (string, bool) {
	name = strings.ToLower(name)
	for _, pair := range p {
		if pair[0] == name {
			return pair[1], true
		}
	}
	return "", false
}

func (p pairs) without(name string) pairs {
	name = strings.ToLower(name)
	return slices.DeleteFunc(slices.Clone(p), func(pair [2]string) bool { return pair[0] == name })
}

func (p pairs) encode() []byte {
	if len(p) == 0 {
		return nil // as Envoy: no bytes at all, not a count of zero
	}
	data := binary.LittleEndian.AppendUint32(nil, uint32(len(p)))
	for _, pair := range p {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(pair[0])))
		data = binary.LittleEndian.AppendUint32(data, uint32(len(pair[1])))
	}
	for _, pair := range p {
		for _, part := range pair {
			data = append(append(data, part...), 0)
		}
	}
	return data
}

func decodePairs(data []byte) (pairs, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < 4 {
		return nil, errors.New("want a count of 4 bytes")
	}
	const most = 1024 // Envoy takes a longer map for an empty one
	count := int(binary.LittleEndian.Uint32(data))
	if count > most || len(data) < 4+8*count {
		return nil, fmt.Errorf("count of %d, want at most %d that fit in %d bytes", count, most, len(data))
	}
	sizes, rest := data[4:4+8*count], data[4+8*count:]
	decoded := make(pairs, count)
	for n := range decoded {
		for part := range 2 {
			size := int(binary.LittleEndian.Uint32(sizes))
			sizes = sizes[4:]
			if len(rest) <= size || rest[size] != 0 {
				return nil, fmt.Errorf("pair %d: want %d bytes and a zero byte", n, size)
			}
			decoded[n][part] = string(rest[:size])
			rest = rest[size+1:]
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes after the last pair", len(rest))
	}
	return decoded, nil
}

// readable is the map that the module may read: Envoy shows the access log
// phase what it no longer shows other callbacks.
func (i *invocation) readable(t mapType) (pairs, bool) {
	switch {
	case t == calloutHeaders || t == calloutTrailers:
		plugin := i.contextPlugin()
		if plugin == nil || plugin.answer == nil {
			return nil, false
		}
		if t == calloutHeaders {
			return plugin.answer.headers, true
		}
		return plugin.answer.trailers, plugin.answer.trailers != nil
	case t > responseTrailers:
		return nil, false
	}
	stream := i.contextStream()
	if stream == nil || !stream.open[t] && (!stream.logging || t == requestTrailers) {
		return nil, false
	}
	return stream.maps[t], true
}

// edit changes a map. Envoy has none once the callback let it pass, once the
// stream was resumed, and in other contexts.
func (i *invocation) edit(change func(pairs) pairs) Status {
	t := mapType(i.number(0))
	stream := i.contextStream()
	if t > responseTrailers || stream == nil || !stream.open[t] {
		return BadArgument
	}
	stream.maps[t] = change(stream.maps[t])
	return OK
}

// checked reports a violation for a field that would split a header on the wire.
func (i *invocation) checked(added ...[2]string) pairs {
	for _, pair := range added {
		if pair[0] == "" || strings.ContainsAny(pair[0], "\x00\r\n") || strings.ContainsAny(pair[1], "\x00\r\n") {
			i.violate("header %q: %q is not a field", pair[0], pair[1])
		}
	}
	return lowerCased(added)
}

func getHeaderMapValue(i *invocation) Status {
	headers, ok := i.readable(mapType(i.number(0)))
	if !ok {
		return BadArgument
	}
	value, ok := headers.first(i.bytes[0])
	if !ok {
		return NotFound
	}
	return i.putBytes(0, []byte(value))
}

func getHeaderMapPairs(i *invocation) Status {
	if mapType(i.number(0)) >= endOfMapTypes {
		return BadArgument
	}
	headers, _ := i.readable(mapType(i.number(0)))
	return i.putBytes(0, headers.encode())
}

func getHeaderMapSize(i *invocation) Status {
	headers, ok := i.readable(mapType(i.number(0)))
	if !ok {
		return BadArgument
	}
	size := 0
	for _, pair := range headers {
		size += len(pair[0]) + len(pair[1])
	}
	i.put32(0, uint32(size))
	return OK
}

func setHeaderMapPairs(i *invocation) Status {
	return i.edit(func(pairs) pairs { return i.checked(i.maps[0]...) })
}

func addHeaderMapValue(i *invocation) Status {
	return i.edit(func(p pairs) pairs {
		return append(slices.Clone(p), i.checked([2]string{i.bytes[0], i.bytes[1]})...)
	})
}

func replaceHeaderMapValue(i *invocation) Status {
	return i.edit(func(p pairs) pairs {
		return append(p.without(i.bytes[0]), i.checked([2]string{i.bytes[0], i.bytes[1]})...)
	})
}

func removeHeaderMapValue(i *invocation) Status {
	return i.edit(func(p pairs) pairs { return p.without(i.bytes[0]) })
}
