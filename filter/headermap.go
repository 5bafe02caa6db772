package filter

import (
	"encoding/binary"
	"unsafe"
)

// decodePairs decodes a header map as the host serialises it: the number of pairs,
// the sizes of each name and value, then names and values with a NUL behind each. The
// strings borrow buf. A malformed map is refused.
func decodePairs(pairs [][2]string, buf []byte) ([][2]string, bool) {
	pairs = pairs[:0]
	if len(buf) < 4 {
		// The host returns no bytes for a map without headers.
		return pairs, len(buf) == 0
	}
	n := int(binary.LittleEndian.Uint32(buf))
	if n < 0 || n > (len(buf)-4)/10 {
		return pairs, false
	}
	sizes := buf[4 : 4+8*n]
	data := buf[4+8*n:]
	if cap(pairs) < n {
		pairs = make([][2]string, n)
	}
	pairs = pairs[:n]
	for i := range pairs {
		nameSize := int(binary.LittleEndian.Uint32(sizes))
		valueSize := int(binary.LittleEndian.Uint32(sizes[4:]))
		sizes = sizes[8:]
		if nameSize < 0 || valueSize < 0 || nameSize > len(data)-2 || valueSize > len(data)-2-nameSize {
			return pairs[:0], false
		}
		pairs[i] = [2]string{borrow(data[:nameSize]), borrow(data[nameSize+1 : nameSize+1+valueSize])}
		data = data[nameSize+valueSize+2:]
	}
	return pairs, true
}

// appendPairs serialises a header map for the host.
func appendPairs(buf []byte, pairs [][2]string) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(pairs)))
	for i := range pairs {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(pairs[i][0])))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(pairs[i][1])))
	}
	for i := range pairs {
		buf = append(buf, pairs[i][0]...)
		buf = append(buf, 0)
		buf = append(buf, pairs[i][1]...)
		buf = append(buf, 0)
	}
	return buf
}

func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
