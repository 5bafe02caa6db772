package wasmhost

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"
)

var guest *Module

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wasmhost")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./testdata/guest")
	// Flags for this test, such as -race, do not suit the guest.
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the guest: %v\n%s", err, output))
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	guest, err = Compile(context.Background(), wasm)
	if err != nil {
		panic(err)
	}
	defer func() { _ = guest.Close() }()
	return m.Run()
}

func start(t testing.TB, options Options) (*VM, *Plugin) {
	t.Helper()
	vm := guest.StartVM(t, options)
	plugin, ok := vm.NewPlugin([]byte("config"))
	if !ok {
		t.Fatal("the guest refused its configuration")
	}
	return vm, plugin
}

func get(path string, more ...[2]string) [][2]string {
	return append([][2]string{{":method", "GET"}, {":path", path}, {":authority", "example.com"}}, more...)
}

func logged(vm *VM) string {
	var lines []string
	for _, line := range vm.Logs() {
		lines = append(lines, line.Message)
	}
	return strings.Join(lines, "\n")
}

func want[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

func wantLog(t *testing.T, vm *VM, line string) {
	t.Helper()
	if !strings.Contains(logged(vm), line) {
		t.Errorf("no log says %q in:\n%s", line, logged(vm))
	}
}

func wantViolation(t *testing.T, vm *VM, words string) {
	t.Helper()
	violations := vm.Violations()
	if len(violations) != 1 || !strings.Contains(violations[0], words) {
		t.Errorf("violations %q, want one that says %q", violations, words)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	stream := plugin.NewStream()
	want(t, "outcome before", stream.Outcome(), Waiting)
	headers := get("/edit", [2]string{"X-Several", "1"}, [2]string{"x-several", "2"}, [2]string{"x-secret", "s"})
	want(t, "action", stream.RequestHeaders(headers, true), Continue)
	want(t, "outcome", stream.Outcome(), Continued)
	wanted := get("/edit", [2]string{"x-first", "1"}, [2]string{"x-several", "one"})
	if got := stream.Upstream().Headers; !slices.Equal(got, wanted) {
		t.Errorf("upstream headers %v, want %v", got, wanted)
	}
	want(t, "filter state", stream.FilterState()["wasm.guest.sub"], "alice")
	want(t, "counter", vm.Metric("requests.config"), 1)
	wantLog(t, vm, "x-none: error status returned by host: not found")
	calls := stream.Calls()
	removal := slices.IndexFunc(calls, func(call HostCall) bool { return call.Name == "proxy_remove_header_map_value" })
	want(t, "call", calls[removal].String(), `proxy_remove_header_map_value(0, "X-Secret")`)
	want(t, "callback", calls[removal].Callback, "proxy_on_request_headers")

	stream.End()
	wantLog(t, vm, "done /edit")
	if logged := logged(vm); strings.Contains(logged, "unexpected") {
		t.Error(logged)
	}
}

func TestReplyStopsTheStream(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	stream := plugin.NewStream()
	want(t, "action", stream.RequestHeaders(get("/reply"), false), Pause)
	want(t, "outcome", stream.Outcome(), Replied)
	want(t, "status", stream.Reply().Status, 401)
	want(t, "body", string(stream.Reply().Body), "who are you")
	want(t, "challenge", stream.Reply().Header("www-authenticate"), `Bearer realm="guest"`)
	want(t, "own response callback", stream.Reply().Header("x-response"), "seen")
	want(t, "gRPC status", stream.Reply().GRPCStatus, -1)
	want(t, "action of the body", stream.RequestBody([]byte("b"), true), Held)
	if stream.Upstream() != nil {
		t.Error("the request went upstream")
	}

	twice := plugin.NewStream()
	twice.RequestHeaders(get("/twice"), true)
	want(t, "first reply", twice.Reply().Status, 401)
	wantViolation(t, vm, "a second local reply (403)")
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	stream, gone := plugin.NewStream(), plugin.NewStream()
	want(t, "action", stream.RequestHeaders(get("/pause"), false), Pause)
	want(t, "body meanwhile", stream.RequestBody([]byte("data"), false), Held)
	want(t, "trailers meanwhile", stream.RequestTrailers([][2]string{{"x-secret", "s"}, {"x-sum", "1"}}), Held)
	gone.RequestHeaders(get("/pause"), true)
	gone.End()
	want(t, "outcome", stream.Outcome(), Waiting)

	want(t, "period", plugin.TickPeriod(), 100*time.Millisecond)
	want(t, "tick", plugin.Tick(), true)
	want(t, "outcome", stream.Outcome(), Continued)
	upstream := stream.Upstream()
	want(t, "header", upstream.Headers[len(upstream.Headers)-1], [2]string{"x-resumed", "yes"})
	want(t, "body", string(upstream.Body), "data")
	if !slices.Equal(upstream.Trailers, [][2]string{{"x-sum", "1"}}) {
		t.Errorf("trailers %v", upstream.Trailers)
	}
	wantLog(t, vm, "edit after resume: error status returned by host: bad argument")
	wantLog(t, vm, fmt.Sprintf("stream %d: error status returned by host: bad argument", gone.ID()))

	idle := plugin.NewStream()
	idle.RequestHeaders(get("/idle"), true)
	wantViolation(t, vm, "not paused")
}

func TestBodyOfAPausedRequest(t *testing.T) {
	t.Parallel()
	_, plugin := start(t, Options{AllowHeadersStopIteration: true})
	hole := plugin.NewStream()
	hole.RequestHeaders(get("/hold"), false)
	want(t, "body that continues takes the headers along", hole.RequestBody([]byte("x"), true), Continue)
	want(t, "outcome", hole.Outcome(), Continued)

	vm, plugin := start(t, Options{})
	stream := plugin.NewStream()
	want(t, "headers", stream.RequestHeaders(get("/body"), false), Continue)
	want(t, "first piece", stream.RequestBody([]byte("a"), false), Pause)
	want(t, "upstream", string(stream.Upstream().Body), "")
	want(t, "last piece", stream.RequestBody([]byte("b"), true), Continue)
	want(t, "upstream", string(stream.Upstream().Body), "ab")
	wantLog(t, vm, `body "ab" <nil> true`)

	rewritten := plugin.NewStream()
	rewritten.RequestHeaders(get("/rewrite"), false)
	rewritten.RequestBody([]byte("old"), true)
	want(t, "body", string(rewritten.Upstream().Body), "a new body")
}

func TestResponseAndReset(t *testing.T) {
	t.Parallel()
	_, plugin := start(t, Options{})
	stream := plugin.NewStream()
	stream.RequestHeaders(get("/"), true)
	want(t, "headers", stream.ResponseHeaders([][2]string{{":status", "200"}}, false), Continue)
	want(t, "body", stream.ResponseBody([]byte("body"), false), Continue)
	want(t, "trailers", stream.ResponseTrailers([][2]string{{"x-sum", "1"}}), Continue)
	headers, body, trailers := stream.Response()
	want(t, "header", headers[1], [2]string{"x-response", "seen"})
	want(t, "body", string(body), "body")
	want(t, "trailer", trailers[0], [2]string{"x-sum", "1"})

	reset := plugin.NewStream()
	reset.RequestHeaders(get("/reset"), true)
	want(t, "outcome", reset.Outcome(), Reset)
	reset.End()
}

func TestPluginsOfOneVM(t *testing.T) {
	t.Parallel()
	vm, first := start(t, Options{})
	if _, ok := vm.NewPlugin([]byte("invalid")); ok {
		t.Error("an invalid configuration was accepted")
	}
	slow, ok := vm.NewPlugin([]byte("slow"))
	want(t, "second plugin", ok, true)
	slow.NewStream().RequestHeaders(get("/"), true)
	first.NewStream().RequestHeaders(get("/"), true)
	want(t, "first counter", vm.Metric("requests.config"), 1)
	want(t, "second counter", vm.Metric("requests.slow"), 1)
	want(t, "deleted at once", first.Delete(), true)
	want(t, "deleted at once", slow.Delete(), false)
	slow.Tick()
	want(t, "deleted when done", slow.Deleted(), true)
	if vm.Trapped() != nil {
		t.Error(vm.Trapped())
	}
}

func TestCallouts(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	dispatch := func() *Callout {
		plugin.NewStream().RequestHeaders(get("/callout"), true)
		plugin.Tick()
		callouts := plugin.Callouts()
		if len(callouts) != 1 {
			t.Fatalf("%d callouts, want 1", len(callouts))
		}
		return callouts[0]
	}
	callout := dispatch()
	want(t, "cluster", callout.Cluster, "keys")
	want(t, "path", callout.Header(":path"), "/keys")
	want(t, "body", string(callout.Body), "body")
	want(t, "timeout", callout.Timeout, 1500*time.Millisecond)
	want(t, "delivered", callout.Answer([][2]string{{":status", "200"}}, []byte("{}"), nil), true)
	wantLog(t, vm, `answer of 1 headers [[:status 200]]: "{}" <nil>`)
	want(t, "delivered", dispatch().Fail(), true)
	wantLog(t, vm, `answer of 0 headers []: "" error status returned by host: not found`)

	late := dispatch()
	plugin.Delete()
	want(t, "delivered to a deleted plugin", late.Answer(nil, nil, nil), false)
	// The SDK panics at a second answer.
	_, other := start(t, Options{})
	plugin = other
	again := dispatch()
	again.Fail()
	again.Fail()
	if other.vm.Trapped() == nil {
		t.Error("a duplicate answer was not delivered")
	}
}

func TestTraps(t *testing.T) {
	t.Parallel()
	for path, words := range map[string]string{
		"/panic": "as told", "/exit": "exit_code(3)", "/nil": "nil pointer",
	} {
		t.Run(path[1:], func(t *testing.T) {
			t.Parallel()
			vm, plugin := start(t, Options{})
			waiting, stream := plugin.NewStream(), plugin.NewStream()
			waiting.RequestHeaders(get("/hold"), false)
			want(t, "action", stream.RequestHeaders(get(path), true), Pause)
			if err := vm.Trapped(); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("trapped by %v, want %s", err, words)
			}
			next := plugin.NewStream()
			next.RequestHeaders(get("/"), true)
			for _, failed := range []*Stream{stream, next} {
				want(t, "outcome", failed.Outcome(), Replied)
				want(t, "status", failed.Reply().Status, 503)
				want(t, "details", failed.Reply().Details, "wasm_fail_stream")
				failed.End()
			}
			want(t, "a waiting stream hangs", waiting.Outcome(), Waiting)
		})
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	removal := vm.RefuseNth("proxy_remove_header_map_value", 0, InternalFailure)
	stream := plugin.NewStream()
	secret := [2]string{"x-secret", "s"}
	stream.RequestHeaders(get("/refused", secret), true)
	want(t, "status", stream.Reply().Status, 500)
	want(t, "refusals", removal.Count(), 1)

	reply := vm.Refuse(func(call HostCall) (Status, bool) {
		return BadArgument, call.Name == "proxy_send_local_response" && call.Stream != stream
	})
	open := plugin.NewStream()
	open.RequestHeaders(get("/refused", secret), true)
	want(t, "refusals", reply.Count(), 1)
	want(t, "the guest lets it through", open.Outcome(), Continued)
	want(t, "with the header", open.Upstream().Headers[3], secret)

	removal.Lift()
	lifted := plugin.NewStream()
	lifted.RequestHeaders(get("/refused", secret), true)
	want(t, "headers left", len(lifted.Upstream().Headers), 3)
}

func TestStreamEndsInAHostCall(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	stream := plugin.NewStream()
	stream.RequestHeaders(get("/pause"), true)
	vm.OnCall(func(call HostCall) {
		if call.Name == "proxy_replace_header_map_value" {
			stream.End()
		}
	})
	plugin.Tick()
	want(t, "outcome", stream.Outcome(), Waiting)
	wantLog(t, vm, "unexpected: error status returned by host: bad argument")

	own := plugin.NewStream()
	vm.OnCall(func(call HostCall) {
		if call.Name == "proxy_send_local_response" {
			own.End()
		}
	})
	want(t, "action", own.RequestHeaders(get("/reply"), true), Pause)
	if own.Reply() != nil {
		t.Error("a stream that ended was replied to")
	}
}

func TestGuestErrors(t *testing.T) {
	t.Parallel()
	vm, plugin := start(t, Options{})
	plugin.NewStream().RequestHeaders(get("/pointer"), true)
	wantLog(t, vm, "bad pointer: 6")
	wantViolation(t, vm, "outside the memory")
	plugin.NewStream().RequestHeaders(get("/split"), true)
	wantViolation(t, vm, "not a field")
	for _, data := range []string{
		"\x01", "\x01\x00\x00\x00", "\x00\x00\x00\x00x", "\xff\xff\xff\xff",
		"\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00a\x00b",
	} {
		if _, err := decodePairs([]byte(data)); err == nil {
			t.Errorf("malformed map %q was accepted", data)
		}
	}
	original := pairs{{"a", ""}, {"", "b"}, {"a", "c"}}
	if decoded, err := decodePairs(original.encode()); err != nil || !slices.Equal(decoded, original) {
		t.Errorf("decoded %v, %v", decoded, err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	shared := new(SharedData)
	options := Options{
		Now:         time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		Random:      strings.NewReader(strings.Repeat("abcd", 10_000)),
		Environment: map[string]string{"SECRET": "s3cret"},
		LogLevel:    Warn,
		SharedData:  shared,
	}
	vm, plugin := start(t, options)
	vm.Properties["xds.zone"] = "vm"
	plugin.Properties["xds.zone"] = "plugin"
	vm.Advance(time.Hour)
	plugin.NewStream().RequestHeaders(get("/environment"), true)
	wantLog(t, vm, "s3cret|2030-01-02T04:04:05Z|1893557045000000000|")
	wantLog(t, vm, "|3|plugin <nil>|error status returned by host: not found")
	if !strings.Contains(vm.Stderr(), "to stderr") {
		t.Errorf("stderr %q", vm.Stderr())
	}

	plugin.NewStream().RequestHeaders(get("/shared"), true)
	wantLog(t, vm, " 0 error status returned by host: not found\n<nil>")
	options.Random = nil
	neighbour, plugin := start(t, options)
	plugin.NewStream().RequestHeaders(get("/shared"), true)
	wantLog(t, neighbour, "config 1 <nil>\nerror status returned by host: cas mismatch")

	neighbour.ForeignFunctions["reverse"] = func(argument []byte) ([]byte, Status) {
		slices.Reverse(argument)
		return argument, OK
	}
	plugin.NewStream().RequestHeaders(get("/foreign"), true)
	wantLog(t, neighbour, "cba <nil> error status returned by host: not found")
}

// A standing clock must not stop Go's collector.
func TestGarbageCollectionWithAStandingClock(t *testing.T) {
	t.Parallel()
	_, plugin := start(t, Options{})
	stream := plugin.NewStream()
	stream.RequestHeaders(get("/collect"), true)
	want(t, "outcome", stream.Outcome(), Continued)
}

// The guest cannot show this: the linker drops the imports that it does not use.
func TestEveryImportOfTheSDKIsOffered(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/proxy-wasm/proxy-wasm-go-sdk")
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "proxywasm", "internal", "abi_hostcalls.go")
	source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	imports := 0
	for _, declaration := range source.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		imports++
		directive := strings.Fields(function.Doc.List[len(function.Doc.List)-1].Text)
		var wanted []api.ValueType
		for _, field := range function.Type.Params.List {
			valueType := api.ValueTypeI32
			if name, ok := field.Type.(*ast.Ident); ok && strings.HasSuffix(name.Name, "int64") {
				valueType = api.ValueTypeI64
			}
			wanted = append(wanted, slices.Repeat([]api.ValueType{valueType}, len(field.Names))...)
		}
		name := directive[len(directive)-1]
		if got := hostFunctions[name].parameterTypes(); !slices.Equal(got, wanted) {
			t.Errorf("%s takes %x, want %x", name, got, wanted)
		}
	}
	if imports < 25 {
		t.Errorf("%d imports in %s, want at least 25", imports, path)
	}
}

func BenchmarkStartVM(b *testing.B) {
	for b.Loop() {
		start(b, Options{})
	}
}

func BenchmarkRequest(b *testing.B) {
	_, plugin := start(b, Options{})
	for b.Loop() {
		stream := plugin.NewStream()
		stream.RequestHeaders(get("/edit", [2]string{"x-several", "1"}), true)
		stream.End()
	}
}
