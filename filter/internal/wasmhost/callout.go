package wasmhost

import (
	"slices"
	"time"
)

// Callout is an outbound HTTP request of the module.
type Callout struct {
	ID       uint32
	Cluster  string
	Headers  [][2]string
	Body     []byte
	Trailers [][2]string
	Timeout  time.Duration

	plugin   *Plugin
	answered bool
}

type calloutAnswer struct {
	headers, trailers pairs
	body              []byte
}

// Callouts are all that were made and neither answered nor cancelled.
func (p *Plugin) Callouts() []*Callout {
	return slices.DeleteFunc(slices.Clone(p.callouts), func(c *Callout) bool { return c.answered })
}

// Header is a request header's first value, and "" where there is none.
func (c *Callout) Header(name string) string {
	value, _ := pairs(c.Headers).first(name)
	return value
}

// Answer delivers a response, a second time if it is called twice. It returns false
// if the plugin has been deleted: Envoy cancels its callouts.
func (c *Callout) Answer(headers [][2]string, body []byte, trailers [][2]string) bool {
	return c.deliver(&calloutAnswer{headers: lowerCased(headers), body: body, trailers: lowerCased(trailers)})
}

// Fail reports to the module that there was no response: a timeout, a reset, no
// healthy host.
func (c *Callout) Fail() bool { return c.deliver(nil) }

func (c *Callout) deliver(answer *calloutAnswer) bool {
	p := c.plugin
	if p.deleted {
		return false
	}
	if p.vm.frame.depth > 0 { // as in Envoy: never inside another callback
		p.vm.deferred = append(p.vm.deferred, func() { c.deliver(answer) })
		return true
	}
	c.answered = true
	p.answer = answer
	arguments := []uint64{uint64(p.id), uint64(c.ID), 0, 0, 0}
	if answer != nil {
		arguments[2], arguments[3], arguments[4] = uint64(len(answer.headers)), uint64(len(answer.body)), uint64(len(answer.trailers))
	}
	_, called := p.vm.call(p.id, "proxy_on_http_call_response", arguments...)
	p.answer = nil
	p.vm.stopNext = false
	p.vm.runDeferred()
	return called
}

func httpCall(i *invocation) Status {
	plugin := i.contextPlugin()
	headers := lowerCased(i.maps[0])
	if plugin == nil {
		return BadArgument
	}
	for _, name := range []string{":method", ":path", ":authority"} {
		if _, ok := headers.first(name); !ok {
			return BadArgument
		}
	}
	i.VM.callouts += 4 // Envoy keeps the lowest bits for the callout's type
	callout := &Callout{
		ID: i.VM.callouts, Cluster: i.bytes[0], Headers: i.checked(headers...), Body: []byte(i.bytes[1]),
		Trailers: i.checked(i.maps[1]...), Timeout: time.Duration(i.number(0)) * time.Millisecond, plugin: plugin,
	}
	plugin.callouts = append(plugin.callouts, callout)
	i.put32(0, callout.ID)
	if i.NoHosts {
		callout.Answer([][2]string{{":status", "503"}}, []byte("no healthy upstream"), nil)
	}
	return OK
}
