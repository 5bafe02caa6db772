// Package upstream is the server behind Envoy in tests: it records everything that reaches
// it.
package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is what reached the server. Go spells header names canonically.
type Request struct {
	Method   string      `json:"method"`
	Target   string      `json:"target"` // the request line's, not decoded
	Host     string      `json:"host"`
	Proto    string      `json:"proto"`
	Header   http.Header `json:"header"`
	Body     string      `json:"body"`
	Trailer  http.Header `json:"trailer"`  // over HTTP/2 only those announced; see Saw
	Complete bool        `json:"complete"` // body and trailers have come to their end
}

// Server speaks HTTP/1.1 and HTTP/2 without TLS (prior knowledge) on one port.
// It answers 200 with the request as JSON.
type Server struct {
	listener net.Listener
	http     *http.Server

	mu       sync.Mutex
	requests []*Request
	raw      []*tap
	changed  chan struct{} // closed at the next change
	reply    http.HandlerFunc
}

// Run starts a server on a free port of the loopback, until the test ends.
func Run(t testing.TB) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{listener: listener, changed: make(chan struct{})}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    1 << 20,
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.http.Serve(taps{s}) // always an error: Close ends it
	}()
	t.Cleanup(func() {
		_ = s.http.Close() // what is still open has no reader any more
		<-ended
	})
	return s
}

// Addr is host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Port is the port alone, as Envoy's port_value wants it.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Reply replaces the answer; nil brings the JSON back. The request's body has
// been read by then.
func (s *Server) Reply(handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = handler
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// Recorded before the body: a request that never ends has reached us too.
	recorded := &Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Header: r.Header.Clone(),
	}
	s.change(func() { s.requests = append(s.requests, recorded) })
	body, err := io.ReadAll(r.Body)
	var snapshot Request
	s.change(func() {
		recorded.Body = string(body)
		recorded.Trailer = r.Trailer.Clone()
		recorded.Complete = err == nil
		snapshot = *recorded
	})
	if err != nil {
		return
	}
	s.mu.Lock()
	reply := s.reply
	s.mu.Unlock()
	if reply != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		reply(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(snapshot) // the client may have disconnected
}

func (s *Server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Requests returns what has reached the server so far, in that order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// Wait waits for a request that meets the condition.
func (s *Server) Wait(met func(Request) bool, timeout time.Duration) (Request, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		all := s.Requests()
		for _, r := range all {
			if met(r) {
				return r, nil
			}
		}
		select {
		case <-changed:
		case <-deadline.C:
			return Request{}, fmt.Errorf("wanted another request at the upstream within %v, got %d", timeout, len(all))
		}
	}
}

// Saw reports whether a text has reached the server: in any part of a recorded request, or
// in the bytes of any connection. The latter count, too, since net/http refuses some
// malformed requests before a handler could record them, and drops the trailers of HTTP/2
// that no Trailer header announced.
func (s *Server) Saw(text string) bool {
	for _, r := range s.Requests() {
		record, err := json.Marshal(r)
		if err != nil || bytes.Contains(record, []byte(text)) || strings.Contains(r.Body, text) {
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.raw {
		if bytes.Contains(c.text(), []byte(text)) {
			return true
		}
	}
	return false
}
