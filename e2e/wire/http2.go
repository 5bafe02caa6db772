package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Conn is an HTTP/2 connection without TLS (prior knowledge), frame by frame.
type Conn struct {
	conn   net.Conn
	framer *http2.Framer

	mu      sync.Mutex // everything below, and writing
	headers bytes.Buffer
	encoder *hpack.Encoder
	streams map[uint32]*Stream
	nextID  uint32
	window  int64 // what the peer lets us send on the connection
	initial int64 // and on each new stream
	maximum int   // bytes in a frame
	changed *sync.Cond
	err     error // why the connection ended
}

// Stream is one request on a Conn, and the response to it.
type Stream struct {
	ID       uint32
	conn     *Conn
	window   int64
	response Response
	body     bytes.Buffer
	ended    bool
	err      error
	done     chan struct{}
}

const smallestFrame = 1 << 14 // the limit of a peer that has named none

// Dial opens a connection; when the context ends, so does it.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		conn: conn, framer: http2.NewFramer(conn, conn),
		streams: map[uint32]*Stream{}, nextID: 1,
		window: 65535, initial: 65535, maximum: smallestFrame,
	}
	c.changed = sync.NewCond(&c.mu)
	c.encoder = hpack.NewEncoder(&c.headers)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err == nil {
		err = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	}
	if err == nil {
		err = c.framer.WriteWindowUpdate(0, 1<<30)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// Close drops the connection, as a client does that went away.
func (c *Conn) Close() { c.conn.Close() }

// HTTP2 sends a request on a connection of its own.
func HTTP2(ctx context.Context, addr string, r Request) (*Response, error) {
	c, err := Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := c.Send(r)
	if err != nil {
		return nil, err
	}
	return s.Response(ctx)
}

// Send opens a stream and sends the request. A peer that stops reading the body is no
// error here: the response shows it.
func (c *Conn) Send(r Request) (*Stream, error) {
	whole := !r.Unended && r.Body == "" && len(r.Trailers) == 0
	s, err := c.Open(pseudo(r), r.Fields, whole)
	if err != nil || whole {
		return s, err
	}
	if r.Body != "" || len(r.Trailers) == 0 && !r.Unended {
		if err := s.Data(r.Body, !r.Unended && len(r.Trailers) == 0); err != nil {
			return s, s.unlessAnswered(err)
		}
	}
	if len(r.Trailers) > 0 && !r.Unended {
		return s, s.unlessAnswered(s.Trailers(r.Trailers))
	}
	return s, nil
}

func pseudo(r Request) []Field {
	fields := []Field{{":method", r.method()}}
	if r.method() != http.MethodConnect {
		fields = append(fields, Field{":scheme", "http"}, Field{":path", r.path()})
	}
	return append(fields, Field{":authority", r.host()})
}

// Open sends a HEADERS frame of any content: pseudo-headers are given like the
// others. Names are sent in lower case, as HTTP/2 demands.
func (c *Conn) Open(pseudo, fields []Field, end bool) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	s := &Stream{ID: c.nextID, conn: c, window: c.initial, done: make(chan struct{})}
	s.response.Proto = "HTTP/2.0"
	c.nextID += 2
	c.streams[s.ID] = s
	return s, c.writeHeaders(s.ID, append(append([]Field(nil), pseudo...), fields...), end)
}

// Trailers sends the trailers and with them the request's end.
func (s *Stream) Trailers(fields []Field) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.writeHeaders(s.ID, fields, true)
}

// Reset cancels the stream, as a client does that lost patience.
func (s *Stream) Reset() error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.finish(errors.New("the client reset the stream"))
	return s.conn.framer.WriteRSTStream(s.ID, http2.ErrCodeCancel)
}

// Data sends a part of the body, as fast as the peer's windows allow.
func (s *Stream) Data(body string, end bool) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for body != "" && min(c.window, s.window) <= 0 && c.err == nil && !s.ended {
			c.changed.Wait()
		}
		if c.err != nil {
			return c.err
		}
		if s.ended {
			return errors.New("the peer has ended the stream")
		}
		n := min(int64(len(body)), int64(c.maximum), max(0, min(c.window, s.window)))
		last := n == int64(len(body))
		if err := c.framer.WriteData(s.ID, end && last, []byte(body[:n])); err != nil {
			return err
		}
		c.window -= n
		s.window -= n
		body = body[n:]
		if last {
			return nil
		}
	}
}

// writeHeaders is called with the lock held.
func (c *Conn) writeHeaders(id uint32, fields []Field, end bool) error {
	c.headers.Reset()
	for _, f := range fields {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(f.Name), Value: f.Value}); err != nil {
			return err
		}
	}
	block := bytes.Clone(c.headers.Bytes())
	for first := true; ; first = false {
		part := block[:min(len(block), c.maximum)]
		block = block[len(part):]
		var err error
		if first {
			err = c.framer.WriteHeaders(http2.HeadersFrameParam{
				StreamID: id, BlockFragment: part, EndStream: end, EndHeaders: len(block) == 0,
			})
		} else {
			err = c.framer.WriteContinuation(id, len(block) == 0, part)
		}
		if err != nil || len(block) == 0 {
			return err
		}
	}
}

// Response waits for the stream's end. A reset after the headers is a response
// too: a refused upload ends like that.
func (s *Stream) Response(ctx context.Context) (*Response, error) {
	select {
	case <-s.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("wanted a response on stream %d: %w", s.ID, ctx.Err())
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.err != nil {
		return nil, fmt.Errorf("wanted a response on stream %d: %w", s.ID, s.err)
	}
	response := s.response
	response.Body = s.body.String()
	return &response, nil
}

// unlessAnswered drops the error of an upload that the peer cut short with a
// response.
func (s *Stream) unlessAnswered(err error) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.ended && s.err == nil {
		return nil
	}
	return err
}

func parseStatus(value string) (int, error) {
	status, err := strconv.Atoi(value)
	if err != nil {
		return 0, fmt.Errorf("wanted a number in :status, got %q", value)
	}
	return status, nil
}
