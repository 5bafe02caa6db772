package filter_test

import (
	"slices"
	"testing"
)

// TestImports: a host that lacks one import does not load the module at all.
// These WASI functions are those of Envoy 1.33, the oldest that runs a module
// of the standard Go compiler.
func TestImports(t *testing.T) {
	t.Parallel()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	wasi := []string{
		"args_get", "args_sizes_get", "clock_time_get", "environ_get", "environ_sizes_get", "fd_close",
		"fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_dir_name", "fd_prestat_get", "fd_read", "fd_seek",
		"fd_write", "path_filestat_get", "path_open", "poll_oneoff", "proc_exit", "random_get", "sched_yield",
	}
	imports := m.Imports("wasi_snapshot_preview1")
	if !slices.Contains(imports, "random_get") {
		t.Errorf("imports %v: where would random numbers come from?", imports)
	}
	for _, name := range imports {
		if !slices.Contains(wasi, name) {
			t.Errorf("imports %s, which Envoy 1.33 does not have", name)
		}
	}
	abi := []string{
		"proxy_log", "proxy_get_log_level", "proxy_get_current_time_nanoseconds", "proxy_set_tick_period_milliseconds",
		"proxy_set_effective_context", "proxy_get_property", "proxy_set_property", "proxy_get_buffer_bytes",
		"proxy_set_buffer_bytes", "proxy_get_header_map_pairs", "proxy_get_header_map_value",
		"proxy_set_header_map_pairs", "proxy_add_header_map_value", "proxy_replace_header_map_value",
		"proxy_remove_header_map_value", "proxy_send_local_response", "proxy_continue_stream", "proxy_close_stream",
		"proxy_http_call", "proxy_call_foreign_function", "proxy_define_metric", "proxy_increment_metric",
		"proxy_record_metric", "proxy_get_metric", "proxy_get_shared_data", "proxy_set_shared_data",
		"proxy_register_shared_queue", "proxy_resolve_shared_queue", "proxy_enqueue_shared_queue",
		"proxy_dequeue_shared_queue", "proxy_done",
	}
	for _, name := range m.Imports("env") {
		if !slices.Contains(abi, name) {
			t.Errorf("imports %s, which ABI 0.2.1 does not have", name)
		}
	}
}

// TestExports: each callback that the host finds costs every request a
// crossing, but without those for body and trailers a request could slip by.
func TestExports(t *testing.T) {
	t.Parallel()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"_initialize", "proxy_abi_version_0_2_1", "proxy_on_configure", "proxy_on_context_create", "proxy_on_delete", "proxy_on_http_call_response",
		"proxy_on_memory_allocate", "proxy_on_request_body", "proxy_on_request_headers",
		"proxy_on_request_trailers", "proxy_on_tick", "proxy_on_vm_start",
	}
	got := m.Exports()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("exports\n%v, want\n%v", got, want)
	}
}
