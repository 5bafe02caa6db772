package upstream

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// taps is the server's listener; it keeps what each connection brings.
type taps struct{ server *Server }

func (l taps) Accept() (net.Conn, error) {
	conn, err := l.server.listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &tap{Conn: conn}
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.server.raw = append(l.server.raw, c)
	return c, nil
}

func (l taps) Close() error   { return l.server.listener.Close() }
func (l taps) Addr() net.Addr { return l.server.listener.Addr() }

type tap struct {
	net.Conn
	mu   sync.Mutex
	kept []byte
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, b[:n]...)
	return n, err
}

// text is what has come, with the header blocks of HTTP/2 in plain text.
func (c *tap) text() []byte {
	c.mu.Lock()
	kept := slices.Clone(c.kept)
	c.mu.Unlock()
	frames, ok := bytes.CutPrefix(kept, []byte(http2.ClientPreface))
	if !ok {
		return kept
	}
	framer := http2.NewFramer(nil, bytes.NewReader(frames))
	framer.SetMaxReadFrameSize(1<<24 - 1)
	framer.ReadMetaHeaders = hpack.NewDecoder(1<<16, nil)
	var text []byte
	for {
		frame, err := framer.ReadFrame()
		if errors.As(err, new(http2.StreamError)) {
			// A header that HTTP/2 forbids: the framer keeps no more of it.
			text = append(text, err.Error()...)
			continue
		}
		if err != nil {
			return text // the last frame may not be whole yet
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				text = append(text, field.Name+": "+field.Value+"\n"...)
			}
		case *http2.DataFrame:
			text = append(text, f.Data()...)
		}
	}
}
