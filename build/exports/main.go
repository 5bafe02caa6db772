// Exports rewrites the export section of the built module: our own_x become
// proxy_on_x in the SDK's place, and of the rest only what the filter needs
// stays. The host calls every callback that it finds, and each call of one that
// does nothing costs a request about a microsecond.
//
//	go run ./build/exports in.wasm out.wasm [more exports to keep]
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// needed are the exports that stay, under the names that the host looks for.
// Request body and trailers are among them for good: without them a host that
// reads on while the headers are paused would let a request slip by.
var needed = []string{
	"memory",
	"_initialize",
	"proxy_abi_version_0_2_1",
	"proxy_on_memory_allocate",
	"proxy_on_vm_start",
	"proxy_on_configure",
	"proxy_on_tick",
	"proxy_on_context_create",
	"proxy_on_request_headers",
	"proxy_on_request_body",
	"proxy_on_request_trailers",
	"proxy_on_http_call_response",
	"proxy_on_delete",
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "exports:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("want the names of the module to read and of the one to write, and then those of more exports to keep")
	}
	module, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	module, err = rewrite(module, append(slices.Clip(needed), args[2:]...))
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return os.WriteFile(args[1], module, 0o644)
}

const exportSection = 7

var errModule = errors.New("want a WebAssembly module of version 1")

// rewrite copies every section but that of the exports.
func rewrite(module []byte, needed []string) ([]byte, error) {
	if !strings.HasPrefix(string(module), "\x00asm\x01\x00\x00\x00") {
		return nil, errModule
	}
	out := append([]byte(nil), module[:8]...)
	for rest := module[8:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil, errModule
		}
		body := rest[1+n : 1+n+int(size)]
		rest = rest[1+n+int(size):]
		if id == exportSection {
			var err error
			if body, err = rewriteExports(body, needed); err != nil {
				return nil, err
			}
		}
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out, nil
}

type export struct {
	kind  byte
	index uint64
}

func rewriteExports(body []byte, needed []string) ([]byte, error) {
	count, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, errModule
	}
	found := map[string]export{}
	for body = body[n:]; count > 0; count-- {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n-2) {
			return nil, errModule
		}
		name := string(body[n : n+int(size)])
		kind := body[n+int(size)]
		body = body[n+int(size)+1:]
		index, n := binary.Uvarint(body)
		if n <= 0 {
			return nil, errModule
		}
		body = body[n:]
		found[name] = export{kind, index}
	}
	out := binary.AppendUvarint(nil, uint64(len(needed)))
	for _, name := range needed {
		e, ok := found["own_"+strings.TrimPrefix(name, "proxy_on_")]
		if !ok || !strings.HasPrefix(name, "proxy_on_") {
			if e, ok = found[name]; !ok {
				return nil, errors.New("the module exports no " + name)
			}
		}
		out = binary.AppendUvarint(out, uint64(len(name)))
		out = append(out, name...)
		out = append(out, e.kind)
		out = binary.AppendUvarint(out, e.index)
	}
	return out, nil
}
