package issuer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"bearerauth/filter/testkey"
)

// The paths of what it serves.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/keys"
	RevokedPath   = "/revoked"
)

// Server is an issuer on a port of the loopback. Its name is its URL.
type Server struct {
	addr string

	mu        sync.Mutex
	http      *http.Server // nil: down, connections are refused
	keys      []*testkey.Key
	revoked   []Claims
	header    http.Header
	replies   map[string]http.HandlerFunc // by path, in place of the good answers
	held      chan struct{}               // nil: answers are not held back
	resets    bool
	confirmed int           // answers of 304
	requests  []string      // the paths of all requests
	changed   chan struct{} // closed at the next request
}

// Start starts an issuer with some keys.
func Start(keys ...*testkey.Key) (*Server, error) {
	s := &Server{keys: keys, header: http.Header{}, replies: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = listener.Addr().String()
	s.serve(listener)
	return s, nil
}

// Run is Start until the test ends.
func Run(t testing.TB, keys ...*testkey.Key) *Server {
	t.Helper()
	s, err := Start(keys...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Release()
		s.Down()
	})
	return s
}

// Name is what its tokens have as iss.
func (s *Server) Name() string { return "http://" + s.addr }

// Port is where it listens.
func (s *Server) Port() int {
	_, port, err := net.SplitHostPort(s.addr)
	must(err)
	n, err := net.LookupPort("tcp", port)
	must(err)
	return n
}

// Cluster is how Envoys know it.
func (s *Server) Cluster() string { return fmt.Sprint("issuer-at-", s.Port()) }

// Token is one of this issuer's.
func (s *Server) Token(k *testkey.Key, claims Claims) string { return Token(k, s.Name(), claims) }

// Publish replaces the keys that it serves.
func (s *Server) Publish(keys ...*testkey.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

// Revoke replaces the entries of its list of revoked tokens.
func (s *Server) Revoke(entries ...Claims) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = entries
}

// Header sets a header of the good answers, such as Cache-Control.
func (s *Server) Header(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header.Set(name, value)
}

// Reply replaces the answer under a path; nil brings the good one back.
func (s *Server) Reply(path string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replies[path] = handler; handler == nil {
		delete(s.replies, path)
	}
}

// Hold holds all answers back until Release.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = make(chan struct{})
	}
}

// Release lets the answers go that are held back. What is in them is decided then.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		close(s.held)
		s.held = nil
	}
}

// Reset makes it reset connections in place of answers.
func (s *Server) Reset(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resets = on
}

// Down makes it refuse connections, those that are open included.
func (s *Server) Down() {
	s.mu.Lock()
	server := s.http
	s.http = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// Up ends Down. The port is free unless somebody has taken it meanwhile.
func (s *Server) Up() error {
	for deadline := time.Now().Add(5 * time.Second); ; {
		listener, err := net.Listen("tcp", s.addr)
		if err == nil {
			s.serve(listener)
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *Server) serve(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.http = &http.Server{Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: time.Minute}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.http) // always an error: Close ends it
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.Path)
	close(s.changed)
	s.changed = make(chan struct{})
	held := s.held
	s.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
			return
		}
	}
	s.mu.Lock()
	reply, resets, document := s.replies[r.URL.Path], s.resets, s.document(r.URL.Path)
	header := s.header.Clone()
	s.mu.Unlock()
	switch {
	case resets:
		panic(http.ErrAbortHandler)
	case reply != nil:
		reply(w, r)
	case document == "":
		http.NotFound(w, r)
	default:
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == RevokedPath {
			tag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(document)))
			w.Header().Set("ETag", tag)
			if r.Header.Get("If-None-Match") == tag {
				s.confirm()
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		_, _ = w.Write([]byte(document)) // the client may have gone
	}
}

func (s *Server) confirm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed++
}

// Confirmed is how many answers have been 304.
func (s *Server) Confirmed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed
}

func (s *Server) document(path string) string {
	switch path {
	case DiscoveryPath:
		return Discovery(s.Name(), s.Name()+KeysPath)
	case KeysPath:
		return testkey.Set(s.keys...)
	case RevokedPath:
		return Revoked(s.revoked...)
	}
	return ""
}

// Discovery is an OpenID Provider's configuration.
func Discovery(name, keys string) string {
	return encode(map[string]any{
		"issuer": name, "jwks_uri": keys, "authorization_endpoint": name + "/authorize",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	})
}

// Revoked is a list of revoked tokens.
func Revoked(entries ...Claims) string {
	return encode(map[string]any{"revoked": append([]Claims{}, entries...)})
}

// Requests is how many requests for a path have come.
func (s *Server) Requests(path string) int {
	n, _ := s.count(path)
	return n
}

func (s *Server) count(path string) (n int, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.requests {
		if p == path {
			n++
		}
	}
	return n, s.changed
}

// Wait waits until n requests for a path have come in all.
func (s *Server) Wait(path string, n int, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		got, changed := s.count(path)
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-deadline.C:
			return fmt.Errorf("wanted %d requests for %s within %v, got %d", n, path, timeout, got)
		}
	}
}

func encode(v any) string {
	text, err := json.Marshal(v)
	must(err)
	return string(text)
}

// must panics on what cannot happen: this is for tests.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
