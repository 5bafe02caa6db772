package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"bearerauth/filter/policy/request"
)

// Request is an HTTP request as an operator describes it.
type Request struct {
	Method, Authority, Path string
	Headers                 [][2]string // names in lower case
	Properties              []request.Property
	At                      time.Time // of a line of an access log, else zero
	Logged                  string    // the response code and its details in the access log
}

// Pairs are the header pairs as Envoy gives them to the filter.
func (r Request) Pairs() [][2]string {
	pairs := [][2]string{{":method", r.Method}, {":scheme", "https"}, {":authority", r.Authority}, {":path", r.Path}}
	joined := map[string]int{}
	for _, h := range r.Headers {
		// Envoy joins several lines of Authorization, and of Cookie.
		if at, ok := joined[h[0]]; ok && h[0] == "authorization" {
			pairs[at][1] += "," + h[1]
			continue
		} else if ok && h[0] == "cookie" {
			pairs[at][1] += "; " + h[1]
			continue
		}
		joined[h[0]] = len(pairs)
		pairs = append(pairs, h)
	}
	return pairs
}

// AddHeader adds a header of the form "name: value".
func (r *Request) AddHeader(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if !ok || name == "" {
		return errors.New(`want a header such as "authorization: Bearer …"`)
	}
	value = strings.TrimSpace(value)
	if name == "host" {
		r.Authority = value
		return nil
	}
	r.Headers = append(r.Headers, [2]string{name, value})
	return nil
}

// setURL takes host and path of a URL.
func (r *Request) setURL(text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("want a URL such as https://api.example/orders, got %q", text)
	}
	if r.Authority == "" {
		r.Authority = u.Host
	}
	// As it is written: escapes matter.
	_, rest, _ := strings.Cut(text, "://")
	r.Path = "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		r.Path = rest[i:]
		if r.Path[0] == '?' {
			r.Path = "/" + r.Path
		}
	}
	r.Path, _, _ = strings.Cut(r.Path, "#")
	return nil
}

// FromAccessLog reads a line of Envoy's or Istio's access log, in the default text format
// or in JSON. A log has no token, so the caller adds the Authorization header.
func FromAccessLog(line string) (r Request, err error) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "{") {
		return fromJSONLog(line)
	}
	begin, rest, ok := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	quoted, between := quotedParts(rest)
	if !ok || len(quoted) == 0 {
		return r, errors.New(`want a line such as [2030-01-01T00:00:00.000Z] "GET /orders HTTP/1.1" 401 …`)
	}
	words := strings.Fields(quoted[0])
	if len(words) != 3 {
		return r, fmt.Errorf(`want "METHOD PATH PROTOCOL" as the first quoted text, got %q`, quoted[0])
	}
	r.Method, r.Path = words[0], words[1]
	r.At, _ = time.Parse(time.RFC3339, begin)
	// The authority stands behind the request's id, which is a UUID.
	for i, text := range quoted[:len(quoted)-1] {
		if i > 0 && isUUID(text) {
			r.Authority = quoted[i+1]
		}
	}
	if after := strings.Fields(between[0]); len(after) > 0 {
		r.Logged = after[0]
	}
	for _, word := range strings.Fields(rest) {
		if strings.HasPrefix(word, "bearerauth_") {
			r.Logged += " " + word
		}
	}
	return r, nil
}

// quotedParts returns the texts in double quotes, and what is behind each of them.
func quotedParts(s string) (quoted, between []string) {
	parts := strings.Split(s, `"`)
	for i := 1; i+1 < len(parts); i += 2 {
		quoted = append(quoted, parts[i])
		between = append(between, parts[i+1])
	}
	return quoted, between
}

func isUUID(s string) bool { return len(s) == 36 && strings.Count(s, "-") == 4 }

func fromJSONLog(line string) (r Request, err error) {
	var members map[string]any
	if err := json.Unmarshal([]byte(line), &members); err != nil {
		return r, fmt.Errorf("the line is not JSON: %w", err)
	}
	text := func(names ...string) string {
		for _, name := range names {
			switch value := members[name].(type) {
			case string:
				return value
			case float64:
				return fmt.Sprint(value)
			}
		}
		return ""
	}
	r.Method, r.Path, r.Authority = text("method", ":method"), text("path", "x-envoy-origin-path", ":path"), text("authority", ":authority")
	if r.Method == "" || r.Path == "" {
		return r, errors.New(`want "method" and "path" in the line`)
	}
	r.At, _ = time.Parse(time.RFC3339, text("start_time", "timestamp", "time"))
	r.Logged = strings.TrimSpace(text("response_code", "status") + " " + text("response_code_details"))
	return r, nil
}
