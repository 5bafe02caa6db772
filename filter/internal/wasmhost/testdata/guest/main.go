//go:build wasip1

// Guest is the module that the tests of wasmhost run: the path of a request
// says what it does.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

//go:wasmimport env proxy_log
func rawLog(level uint32, message uint32, size uint32) uint32

//go:wasmimport env proxy_close_stream
func closeStream(stream uint32) uint32

//go:wasmimport env proxy_get_log_level
func getLogLevel(level unsafe.Pointer) uint32

//go:wasmimport env proxy_get_current_time_nanoseconds
func getCurrentTime(now unsafe.Pointer) uint32

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(id uint32) types.PluginContext { return &plugin{id: id} }

type plugin struct {
	types.DefaultPluginContext
	id       uint32
	config   string
	requests proxywasm.MetricCounter
	waiting  []uint32
	cluster  string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	config, err := proxywasm.GetPluginConfiguration()
	if err != nil && !errors.Is(err, types.ErrorStatusNotFound) {
		return types.OnPluginStartStatusFailed
	}
	p.config = string(config)
	if p.config == "invalid" {
		return types.OnPluginStartStatusFailed
	}
	p.requests = proxywasm.DefineCounterMetric("requests." + p.config)
	check(proxywasm.SetTickPeriodMilliSeconds(100))
	return types.OnPluginStartStatusOK
}

func (p *plugin) OnPluginDone() bool { return p.config != "slow" }

func (p *plugin) OnTick() {
	if p.config == "slow" {
		proxywasm.PluginDone()
	}
	for _, id := range p.waiting {
		if err := proxywasm.SetEffectiveContext(id); err != nil {
			proxywasm.LogWarnf("stream %d: %v", id, err)
			continue
		}
		check(proxywasm.ReplaceHttpRequestHeader("x-resumed", "yes"))
		if err := proxywasm.ResumeHttpRequest(); err != nil {
			proxywasm.LogWarnf("resume: %v", err)
			continue
		}
		proxywasm.LogInfof("edit after resume: %v", proxywasm.AddHttpRequestHeader("x-late", "1"))
	}
	p.waiting = nil
	if p.cluster != "" {
		p.call()
		p.cluster = ""
	}
}

func (p *plugin) call() {
	headers := [][2]string{{":method", "GET"}, {":path", "/keys"}, {":authority", "issuer"}}
	_, err := proxywasm.DispatchHttpCall(p.cluster, headers, []byte("body"), nil, 1500, func(n, size, _ int) {
		body, err := proxywasm.GetHttpCallResponseBody(0, size)
		answer, _ := proxywasm.GetHttpCallResponseHeaders()
		proxywasm.LogInfof("answer of %d headers %v: %q %v", n, answer, body, err)
	})
	proxywasm.LogInfof("dispatch: %v", err)
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext { return &stream{id: id, plugin: p} }

type stream struct {
	types.DefaultHttpContext
	id     uint32
	plugin *plugin
	path   string
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	s.plugin.requests.Increment(1)
	pairs, err := proxywasm.GetHttpRequestHeaders()
	check(err)
	for _, pair := range pairs {
		if pair[0] == ":path" {
			s.path = pair[1]
		}
	}
	switch s.path {
	case "/edit":
		first, err := proxywasm.GetHttpRequestHeader("X-Several")
		check(err)
		_, err = proxywasm.GetHttpRequestHeader("x-none")
		proxywasm.LogDebugf("x-none: %v", err)
		check(proxywasm.AddHttpRequestHeader("X-First", first))
		check(proxywasm.ReplaceHttpRequestHeader("x-several", "one"))
		check(proxywasm.RemoveHttpRequestHeader("X-Secret"))
		check(proxywasm.SetProperty([]string{"guest.sub"}, []byte("alice")))
	case "/refused":
		if err := proxywasm.RemoveHttpRequestHeader("x-secret"); err != nil {
			s.reply(500, err.Error())
		}
	case "/reply":
		s.reply(401, "who are you")
	case "/twice":
		s.reply(401, "first")
		s.reply(403, "second")
	case "/pause":
		s.plugin.waiting = append(s.plugin.waiting, s.id)
		return types.ActionPause
	case "/hold":
		return types.ActionPause
	case "/idle":
		check(proxywasm.ResumeHttpRequest())
	case "/callout":
		s.plugin.cluster = "keys"
	case "/reset":
		closeStream(0)
		return types.ActionPause
	case "/panic":
		panic("as told")
	case "/exit":
		os.Exit(3)
	case "/nil":
		var p *plugin
		p.config = "x"
	case "/pointer":
		proxywasm.LogInfof("bad pointer: %d", rawLog(2, 0xfffffff0, 100))
	case "/split":
		check(proxywasm.AddHttpRequestHeader("x-split", "a\r\nb: c"))
	case "/environment":
		random := make([]byte, 4)
		_, _ = rand.Read(random)
		var level uint32
		var now uint64
		getLogLevel(unsafe.Pointer(&level))
		getCurrentTime(unsafe.Pointer(&now))
		zone, err := proxywasm.GetProperty([]string{"xds", "zone"})
		_, missing := proxywasm.GetProperty([]string{"xds", "none"})
		proxywasm.LogInfof("%s|%s|%d|%x|%d|%s %v|%v", os.Getenv("SECRET"), time.Now().UTC().Format(time.RFC3339),
			now, random, level, zone, err, missing)
		fmt.Fprintln(os.Stderr, "to stderr")
	case "/shared":
		value, cas, err := proxywasm.GetSharedData("lease")
		proxywasm.LogInfof("%s %d %v", value, cas, err)
		proxywasm.LogInfof("%v", proxywasm.SetSharedData("lease", []byte(s.plugin.config), cas+1))
	case "/foreign":
		result, err := proxywasm.CallForeignFunction("reverse", []byte("abc"))
		_, missing := proxywasm.CallForeignFunction("none", []byte("abc"))
		proxywasm.LogInfof("%s %v %v", result, err, missing)
	case "/collect":
		var kept [][]byte
		for n := range 3000 {
			kept = append(kept, make([]byte, 10_000))
			if n%100 == 0 {
				kept = nil
				runtime.GC()
			}
		}
		runtime.KeepAlive(kept)
	}
	return types.ActionContinue
}

func (s *stream) OnHttpRequestBody(size int, last bool) types.Action {
	body, err := proxywasm.GetHttpRequestBody(0, size)
	proxywasm.LogInfof("body %q %v %t", body, err, last)
	if s.path == "/rewrite" {
		check(proxywasm.ReplaceHttpRequestBody([]byte("new")))
		check(proxywasm.AppendHttpRequestBody([]byte(" body")))
		check(proxywasm.PrependHttpRequestBody([]byte("a ")))
	}
	if s.path == "/body" && !last {
		return types.ActionPause
	}
	return types.ActionContinue
}

func (s *stream) OnHttpRequestTrailers(int) types.Action {
	check(proxywasm.RemoveHttpRequestTrailer("x-secret"))
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	check(proxywasm.AddHttpResponseHeader("x-response", "seen"))
	return types.ActionContinue
}

func (s *stream) OnHttpStreamDone() {
	path, err := proxywasm.GetHttpRequestHeader(":path")
	proxywasm.LogInfof("done %s %v", path, err)
}

// reply returns nothing: the caller continues, and Envoy has to stop it.
func (s *stream) reply(status uint32, body string) {
	err := proxywasm.SendHttpResponse(status, [][2]string{{"WWW-Authenticate", `Bearer realm="guest"`}}, []byte(body), -1)
	if err != nil {
		proxywasm.LogErrorf("reply: %v", err)
	}
}

func check(err error) {
	if err != nil {
		proxywasm.LogErrorf("unexpected: %v", err)
	}
}
