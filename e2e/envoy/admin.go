package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The main thread answers for the admin interface, and compiles modules too.
const adminTimeout = 2 * time.Minute

// Keep-alive connections would outlive the Envoys that tests start and stop.
var adminClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// AdminURL is the base of the admin interface, without a slash at the end.
func (p *Process) AdminURL() string { return p.admin }

// Admin GETs a path of the admin interface, such as /config_dump.
func (p *Process) Admin(path string) (string, error) {
	return p.call(context.Background(), http.MethodGet, path)
}

// AdminPost POSTs to the admin interface, such as /logging?wasm=debug.
func (p *Process) AdminPost(path string) (string, error) {
	return p.call(context.Background(), http.MethodPost, path)
}

func (p *Process) call(ctx context.Context, method, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.admin+path, nil)
	if err != nil {
		return "", err
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("admin %s %s: %s: %s", method, path, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}

// Listeners maps listener names to their real addresses, host:port.
func (p *Process) Listeners() (map[string]string, error) {
	text, err := p.Admin("/listeners?format=json")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Statuses []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    uint16 `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("admin /listeners: %w", err)
	}
	addresses := make(map[string]string, len(answer.Statuses))
	for _, s := range answer.Statuses {
		socket := s.Local.Socket
		addresses[s.Name] = net.JoinHostPort(socket.Address, strconv.Itoa(int(socket.Port)))
	}
	return addresses, nil
}

// Listener returns one listener's real address, host:port.
func (p *Process) Listener(name string) (string, error) {
	all, err := p.Listeners()
	if err != nil {
		return "", err
	}
	address, ok := all[name]
	if !ok {
		return "", fmt.Errorf("wanted a listener named %q, got %v", name, all)
	}
	return address, nil
}

// Stats returns the counters and gauges whose name matches the regular
// expression; "" matches all. Those that were never touched are there too.
func (p *Process) Stats(pattern string) (map[string]int64, error) {
	return p.stats(context.Background(), pattern)
}

func (p *Process) stats(ctx context.Context, pattern string) (map[string]int64, error) {
	text, err := p.call(ctx, http.MethodGet, "/stats?format=json&filter="+url.QueryEscape(pattern))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("admin /stats: %w", err)
	}
	values := make(map[string]int64, len(answer.Stats))
	for _, s := range answer.Stats {
		// Histograms have no value, text readouts one in quotes.
		if n, err := strconv.ParseInt(string(s.Value), 10, 64); err == nil {
			values[s.Name] = n
		}
	}
	return values, nil
}

// Prometheus returns /stats/prometheus by series, as in `name{label="x"}`.
func (p *Process) Prometheus() (map[string]float64, error) {
	text, err := p.Admin("/stats/prometheus")
	if err != nil {
		return nil, err
	}
	series := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// A label may hold a space, a value may not.
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			return nil, fmt.Errorf("admin /stats/prometheus: wanted a series and its value, got %q", line)
		}
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("admin /stats/prometheus: %w", err)
		}
		series[strings.TrimSpace(line[:i])] = value
	}
	return series, nil
}

// AtLeast and Exactly are conditions for WaitStat.
func AtLeast(n int64) func(int64) bool { return func(v int64) bool { return v >= n } }

func Exactly(n int64) func(int64) bool { return func(v int64) bool { return v == n } }

// WaitStat waits until a counter or gauge exists and meets the condition.
func (p *Process) WaitStat(name string, met func(int64) bool, timeout time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := "no such stat"
	for {
		stats, err := p.stats(ctx, "^"+regexp.QuoteMeta(name)+"$")
		if value, ok := stats[name]; ok {
			if met(value) {
				return value, nil
			}
			last = strconv.FormatInt(value, 10)
		} else if err != nil && ctx.Err() == nil {
			last = err.Error()
		}
		select {
		case <-p.done:
			return 0, p.exitError()
		case <-ctx.Done():
			return 0, fmt.Errorf("stat %s: wanted another value within %v, last was: %s", name, timeout, last)
		case <-tick.C:
		}
	}
}
