package envoy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const wait = 2 * time.Minute

// says is a listener that answers every path with a text.
func says(name, text string) Listener {
	return Listener{
		Name: name, AccessLog: "access %REQ(:PATH)% %RESPONSE_CODE%",
		Routes: fmt.Sprintf("[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: %q}}}]", text),
	}
}

// misspelt has a member that Envoy does not know in place of one that it needs.
func misspelt(l Listener) Listener {
	l.Manager = `{stat_perfix: x, stat_prefix: ""}`
	return l
}

func static(listeners ...Listener) string { return Bootstrap{Listeners: listeners}.String() }

func get(t *testing.T, address, path string) string {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRunServesOnFreePorts(t *testing.T) {
	t.Parallel()
	p := Run(t, Options{
		Config:      static(says("one", "first"), says("two", "second")),
		Concurrency: 2,
	})
	if got := get(t, Address(t, p, "one"), "/a"); got != "first" {
		t.Errorf("listener one: wanted first, got %q", got)
	}
	if got := get(t, Address(t, p, "two"), "/b"); got != "second" {
		t.Errorf("listener two: wanted second, got %q", got)
	}
	if _, err := p.WaitStat("http.one.downstream_rq_2xx", AtLeast(1), wait); err != nil {
		t.Error(err)
	}
	series, err := p.Prometheus()
	if err != nil {
		t.Fatal(err)
	}
	const name = `envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="two"}`
	if series[name] != 1 {
		t.Errorf("prometheus %s: wanted 1, got %v", name, series[name])
	}
	if _, err := p.Log.Wait(`^access /b 200$`, wait); err != nil {
		t.Error(err)
	}
	if _, err := p.Listener("three"); err == nil || !strings.Contains(err.Error(), `"three"`) {
		t.Errorf("listener three: wanted an error that names it, got %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if code := p.ExitCode(); code != 0 {
		t.Errorf("exit code: wanted 0, got %d", code)
	}
}

func TestStartRefusesABadBootstrap(t *testing.T) {
	t.Parallel()
	bad := static(misspelt(says("one", "x")))
	begin := time.Now()
	_, err := Start(t.Context(), Options{Binary: Need(t), Config: bad})
	var exit *ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("wanted an ExitError, got %v", err)
	}
	if exit.Code != 1 || !strings.Contains(err.Error(), "stat_perfix") {
		t.Errorf("wanted code 1 and the log to name stat_perfix, got %d, %v", exit.Code, err)
	}
	if took := time.Since(begin); took > startTimeout/2 {
		t.Errorf("wanted an early failure, took %v", took)
	}
	err = Validate(t.Context(), Options{Config: bad})
	if !errors.As(err, &exit) || exit.Code != 1 {
		t.Errorf("validate: wanted an ExitError with code 1, got %v", err)
	}
	if err := Validate(t.Context(), Options{Config: static(says("one", "x"))}); err != nil {
		t.Errorf("validate: %v", err)
	}
}

func TestListenerFileUpdatesARunningEnvoy(t *testing.T) {
	t.Parallel()
	first := says("one", "before")
	file, err := NewListenerFile(t.TempDir(), first)
	if err != nil {
		t.Fatal(err)
	}
	p := Run(t, Options{Config: Bootstrap{Members: file.Members()}.String()})
	address := Address(t, p, "one")
	if got := get(t, address, "/"); got != "before" {
		t.Fatalf("wanted before, got %q", got)
	}

	if err := file.Write(misspelt(first)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitStat("listener_manager.lds.update_rejected", AtLeast(1), wait); err != nil {
		t.Error(err)
	}
	if got := get(t, address, "/"); got != "before" {
		t.Errorf("after a refused update: wanted before, got %q", got)
	}

	if err := file.Write(says("one", "after")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitStat("listener_manager.lds.update_success", AtLeast(2), wait); err != nil {
		t.Fatal(err)
	}
	// Workers take the new listener over a moment after the main thread did.
	for deadline := time.Now().Add(wait); ; {
		got := get(t, Address(t, p, "one"), "/")
		if got == "after" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("wanted after, got %q", got)
		}
	}

	if err := file.Write(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WaitStat("listener_manager.total_listeners_active", Exactly(0), wait); err != nil {
		t.Error(err)
	}
}

func TestStartTellsWhatWasNeverReady(t *testing.T) {
	t.Parallel()
	// A control plane that never answers keeps Envoy from being ready.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		conn, err := silent.Accept()
		cancel() // Envoy waits for its control plane now
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	config := Bootstrap{
		Clusters: []Cluster{{Name: "xds", Port: silent.Addr().(*net.TCPAddr).Port}},
		Members: `
node: {id: test, cluster: test}
dynamic_resources:
  lds_config:
    resource_api_version: V3
    api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [xds], refresh_delay: 60s, request_timeout: 60s}
`,
	}
	p, err := Start(ctx, Options{Binary: Need(t), Config: config.String()})
	if err == nil {
		_ = p.Stop()
		t.Fatal("wanted an error")
	}
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "wanted envoy to be ready") {
		t.Errorf("wanted an error about readiness, got %v", err)
	}
}
