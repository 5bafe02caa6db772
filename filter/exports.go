//go:build wasm

package filter

//lint:file-ignore U1000 the host calls these

import (
	"unsafe"

	"bearerauth/filter/internal/sdk"
)

// These exports replace the SDK's for the callbacks of every request: the build renames
// own_x to proxy_on_x and removes the SDK's export of that name (build/exports). Calls
// about plugins are passed on to the SDK.

//go:wasmexport own_context_create
func ownContextCreate(id, parent uint32) {
	if parent == 0 {
		sdk.ContextCreate(id, 0)
		return
	}
	attemptStream("request", id, stream{plugin: findPlugin(parent)}, createStream)
}

//go:wasmexport own_request_headers
func ownRequestHeaders(id uint32, _, _ int32) int32 {
	a := onRequestHeaders(id)
	forget()
	return int32(a)
}

//go:wasmexport own_request_body
func ownRequestBody(id uint32, _, _ int32) int32 { return int32(onRequestBody(id)) }

//go:wasmexport own_request_trailers
func ownRequestTrailers(id uint32, _ int32) int32 {
	a := onRequestTrailers(id)
	forget()
	return int32(a)
}

//go:wasmexport own_http_call_response
func ownHTTPCallResponse(pluginID, call uint32, headers, bodySize, _ int32) {
	if p, ok := plugins[pluginID]; ok {
		p.onCallResponse(call, int(headers), int(bodySize))
	}
	forget()
}

//go:wasmexport own_delete
func ownDelete(id uint32) {
	if s, ok := findStream(id); ok {
		attemptStream("end of a request", id, s, deleteStream)
		return
	}
	if p, ok := plugins[id]; ok {
		attempt("plugin end", p.metrics.flush)
		delete(plugins, id)
		recent = nil
		sdk.Delete(id)
		collect()
	}
}

//go:wasmexport own_memory_allocate
func ownMemoryAllocate(size uint32) unsafe.Pointer { return allocate(size) }

// abiVersion declares ABI 0.2.1. The SDK implements 0.2.0, from which it differs only in
// proxy_get_log_level: debug lines need not be built where they are not logged.
//
//go:wasmexport proxy_abi_version_0_2_1
func abiVersion() {}
