package wire_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/upstream"
	"bearerauth/e2e/wire"
)

const wait = 20 * time.Second

type send func(context.Context, string, wire.Request) (*wire.Response, error)

var versions = map[string]send{"HTTP1": wire.HTTP1, "HTTP2": wire.HTTP2}

func do(t *testing.T, how send, addr string, r wire.Request) *wire.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	response, err := how(ctx, addr, r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func echoed(t *testing.T, r *wire.Response) upstream.Request {
	t.Helper()
	var request upstream.Request
	if err := json.Unmarshal([]byte(r.Body), &request); err != nil {
		t.Fatalf("wanted the upstream's echo, got %d %q: %v", r.Status, r.Body, err)
	}
	return request
}

// A body beyond the first flow-control windows, and what surrounds it.
func TestBothVersionsCarryAll(t *testing.T) {
	t.Parallel()
	for name, how := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := upstream.Run(t)
			body := strings.Repeat("0123456789", 30_000)
			r := do(t, how, server.Addr(), wire.Request{
				Method: "POST", Path: "/a%2fb;c?d=%zz", Host: "one.example:81",
				Fields:   []wire.Field{{"X-Twice", "1"}, {"x-twice", "2"}, {"X_Under", "3"}, {"Trailer", "x-after"}},
				Body:     body,
				Trailers: []wire.Field{{"X-After", "4"}},
			})
			got := echoed(t, r)
			if r.Status != 200 || got.Method != "POST" || got.Target != "/a%2fb;c?d=%zz" || got.Host != "one.example:81" {
				t.Errorf("wanted the request line as sent, got %d %+v", r.Status, got)
			}
			if twice := got.Header["X-Twice"]; !slices.Equal(twice, []string{"1", "2"}) {
				t.Errorf("wanted both lines of X-Twice, got %q", twice)
			}
			if got.Header.Get("X_under") != "3" || got.Trailer.Get("X-After") != "4" {
				t.Errorf("wanted X_Under and the trailer, got %v and %v", got.Header, got.Trailer)
			}
			if got.Body != body || !got.Complete {
				t.Errorf("wanted %d bytes of body, got %d", len(body), len(got.Body))
			}
			if !server.Saw("one.example:81") || !server.Saw("456789012") || server.Saw("two.example") {
				t.Error("wanted Saw to know what came")
			}
		})
	}
}

func TestResponsesCarryTrailers(t *testing.T) {
	t.Parallel()
	server := upstream.Run(t)
	server.Reply(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "Grpc-Status")
		w.Header().Add("X-Twice", "1")
		w.Header().Add("X-Twice", "2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "7")
	})
	for name, how := range versions {
		r := do(t, how, server.Addr(), wire.Request{Method: "POST", Body: "hello"})
		if r.Status != 418 || r.Body != "hello" || r.Trailer.Get("Grpc-Status") != "7" || len(r.Header.Values("X-Twice")) != 2 {
			t.Errorf("%s: wanted status, header, body and trailer, got %+v", name, r)
		}
	}
}

func TestAnUploadThatNeverEnds(t *testing.T) {
	t.Parallel()
	server := upstream.Run(t)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	c, err := wire.Dial(ctx, server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	waiting, err := c.Send(wire.Request{Method: "POST", Path: "/waiting", Body: "part", Unended: true})
	if err != nil {
		t.Fatal(err)
	}
	at := func(path string) func(upstream.Request) bool {
		return func(r upstream.Request) bool { return r.Target == path }
	}
	if r, err := server.Wait(at("/waiting"), wait); err != nil || r.Complete {
		t.Errorf("wanted it recorded before its end, got %+v, %v", r, err)
	}
	// Another stream of the connection overtakes it.
	other, err := c.Send(wire.Request{Path: "/other"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := other.Response(ctx); err != nil || r.Status != 200 {
		t.Errorf("wanted 200 for the other stream, got %+v, %v", r, err)
	}
	if err := waiting.Data(" end", true); err != nil {
		t.Fatal(err)
	}
	r, err := waiting.Response(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := echoed(t, r); got.Body != "part end" {
		t.Errorf("wanted both parts, got %q", got.Body)
	}
	lost, err := c.Send(wire.Request{Method: "POST", Path: "/lost", Unended: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := lost.Reset(); err != nil {
		t.Fatal(err)
	}
	if _, err := lost.Response(ctx); err == nil {
		t.Error("wanted an error from a stream that was reset")
	}
}

// Requests that net/http refuses have reached the upstream nevertheless.
func TestSawKnowsMalformedRequests(t *testing.T) {
	t.Parallel()
	server := upstream.Run(t)
	r, err := wire.Raw(t.Context(), server.Addr(), "GET /%zz-marker HTTP/1.1\r\nHost: a b\r\n\r\n")
	if err != nil || r.Status != 400 {
		t.Fatalf("wanted 400, got %+v, %v", r, err)
	}
	if len(server.Requests()) != 0 || !server.Saw("zz-marker") {
		t.Errorf("wanted no record, but the bytes; got %v", server.Requests())
	}
}

func TestErrorsNameThePeer(t *testing.T) {
	t.Parallel()
	server := upstream.Run(t)
	for name, how := range versions {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := how(ctx, server.Addr(), wire.Request{Method: "POST", Path: "/", Unended: true})
		if err == nil || !strings.Contains(err.Error(), "wanted a response") || !strings.Contains(err.Error(), "deadline exceeded") {
			t.Errorf("%s: wanted an error about the deadline, got %v", name, err)
		}
	}
}
