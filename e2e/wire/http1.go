// Package wire is a client that sends what a well-behaved one would not:
// repeated header lines, odd paths, CONNECT, bodies that never end.
package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Request is sent unchanged, over either version; nothing is added but what the framing
// needs.
type Request struct {
	Method   string // "" means GET
	Path     string // "" means /; sent raw; no :path with CONNECT
	Host     string // Host or :authority; "" means test.example
	Fields   []Field
	Body     string
	Trailers []Field
	Unended  bool // send no end of the body: the client is still uploading
}

// Response is what came back, on whichever version.
type Response struct {
	Proto   string
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
	// Reset is the HTTP/2 code of a reset that came after the headers, such as
	// NO_ERROR for an upload that is not wanted.
	Reset string
}

func (r Request) method() string { return orElse(r.Method, http.MethodGet) }
func (r Request) path() string   { return orElse(r.Path, "/") }
func (r Request) host() string   { return orElse(r.Host, "test.example") }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// HTTP1 sends a request on a connection of its own.
func HTTP1(ctx context.Context, addr string, r Request) (*Response, error) {
	target := r.path()
	if r.method() == http.MethodConnect {
		target = r.host()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method(), target, r.host())
	for _, f := range r.Fields {
		fmt.Fprintf(&text, "%s: %s\r\n", f.Name, f.Value)
	}
	switch {
	case len(r.Trailers) > 0 || r.Unended:
		text.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if r.Body != "" {
			fmt.Fprintf(&text, "%x\r\n%s\r\n", len(r.Body), r.Body)
		}
		if r.Unended {
			break
		}
		text.WriteString("0\r\n")
		for _, f := range r.Trailers {
			fmt.Fprintf(&text, "%s: %s\r\n", f.Name, f.Value)
		}
		text.WriteString("\r\n")
	case r.Body != "":
		fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	default:
		text.WriteString("\r\n")
	}
	return Raw(ctx, addr, text.String())
}

// Raw sends bytes as they are and reads one HTTP/1.x response, after skipping
// interim ones. Of a CONNECT that was accepted there is no body to wait for.
func Raw(ctx context.Context, addr, text string) (*Response, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, text)
		sent <- err
	}()
	method, _, _ := strings.Cut(text, " ")
	response, err := readResponse(conn, method)
	if err != nil {
		return nil, fmt.Errorf("wanted a response from %s: %w", addr, errors.Join(err, ctx.Err(), sendError(sent)))
	}
	return response, nil
}

func sendError(sent <-chan error) error {
	select {
	case err := <-sent:
		return err
	default:
		return nil
	}
}

func readResponse(conn net.Conn, method string) (*Response, error) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		if r.StatusCode < 200 && r.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		response := &Response{Proto: r.Proto, Status: r.StatusCode, Header: r.Header}
		if method == http.MethodConnect && r.StatusCode < 300 {
			return response, nil
		}
		body, err := io.ReadAll(r.Body)
		response.Body = string(body)
		response.Trailer = r.Trailer
		return response, err
	}
}

// dial ties the connection's reads and writes to the context.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return &boundConn{Conn: conn, stop: stop}, nil
}

type boundConn struct {
	net.Conn
	stop func() bool
}

func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
