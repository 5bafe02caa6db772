package main

import (
	"fmt"
	"strings"
)

// Requests of all rows have this many bytes, so that the bare listener reads
// as much for its request as any other row.
const requestSize = 2048

// requestHeaders are those of a browser behind two proxies; with Host,
// Authorization and Cookie there are 15.
var requestHeaders = []string{
	"user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"accept: application/json, text/plain;q=0.9, */*;q=0.8",
	"accept-encoding: gzip, deflate, br, zstd",
	"accept-language: en-GB,en;q=0.9,de;q=0.7",
	"cache-control: no-cache",
	"referer: https://shop.example/account/orders?sort=-created",
	"x-request-id: 6f1c9f7e-2a4b-4c1d-9e8f-0a1b2c3d4e5f",
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	"tracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
	`sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"`,
	"sec-fetch-mode: cors",
	"sec-fetch-site: same-site",
}

const (
	requestPath = "/orders/4711/items"
	requestHost = "api.shop.example"
	cookieStart = "cookie: session=5f2b9c0e7d1a4863; theme=dark; consent=a1b1c0; basket="
)

// request is an HTTP/1.1 request around a token of a certain length; without
// a token it has no Authorization, and the cookie grows instead.
type request struct{ before, after string }

func newRequest(token string) (request, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s?page=2&limit=50 HTTP/1.1\r\nhost: %s\r\n", requestPath, requestHost)
	for _, h := range requestHeaders {
		b.WriteString(h + "\r\n")
	}
	tail := "\r\n"
	if token != "" {
		tail = "authorization: Bearer "
	}
	rest := requestSize - b.Len() - len(cookieStart) - len("\r\n") - len(tail) - len(token)
	if token != "" {
		rest -= len("\r\n\r\n")
	}
	if rest < 0 {
		return request{}, fmt.Errorf("wanted a token that leaves room in a request of %d bytes, got one of %d", requestSize, len(token))
	}
	b.WriteString(cookieStart + filler(rest) + "\r\n" + tail)
	if token == "" {
		return request{before: b.String()}, nil
	}
	return request{b.String(), "\r\n\r\n"}, nil
}

func (r request) with(token string) string { return r.before + token + r.after }

// filler looks like an encoded basket.
func filler(n int) string {
	const text = "eyJpdGVtcyI6W3siaWQiOjQ3MTEsIm4iOjJ9XX0."
	return strings.Repeat(text, n/len(text)+1)[:n]
}

// script is for wrk. Tokens come from a file, one per line. A run continues where the
// previous run ended, so that a cache smaller than their number never hits.
func (r request) script() string {
	return fmt.Sprintf(`local before, after = %s, %s
local requests, n, at = {}, 0, 0

function init(args)
  for token in io.lines(args[1]) do
    n = n + 1
    requests[n] = before .. token .. after
  end
  at = tonumber(args[2]) %% n
  local pause = tonumber(args[3])
  if pause > 0 then
    math.randomseed(4711)
    -- milliseconds between an answer and the next request, as in a Poisson process
    delay = function() return math.floor(0.5 - math.log(1 - math.random()) * pause) end
  end
end

function request()
  at = at %% n + 1
  return requests[at]
end

function done(summary, latency)
  io.write(string.format("bench %%d %%d %%d %%d %%d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
`, luaString(r.before), luaString(r.after))
}

func luaString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", `\r`, "\n", `\n`).Replace(s) + `"`
}
