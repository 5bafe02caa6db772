package wasmhost

import (
	"strings"
	"sync"
	"time"
)

// hostFunctions are those of ABI 0.2 that an HTTP filter may import. A module
// that wants others cannot be instantiated, which names them.
var hostFunctions = map[string]hostFunction{
	"proxy_log":                          {"us", log},
	"proxy_get_log_level":                {"o", getLogLevel},
	"proxy_get_current_time_nanoseconds": {"q", getCurrentTime},
	"proxy_get_status":                   {"od", getStatus},
	"proxy_set_tick_period_milliseconds": {"u", setTickPeriod},
	"proxy_set_effective_context":        {"u", setEffectiveContext},
	"proxy_done":                         {"", done},
	"proxy_call_foreign_function":        {"ssn", callForeignFunction},
	"proxy_get_property":                 {"sd", getProperty},
	"proxy_set_property":                 {"ss", setProperty},
	"proxy_get_shared_data":              {"sdo", getSharedData},
	"proxy_set_shared_data":              {"ssu", setSharedData},
	"proxy_register_shared_queue":        {"so", unimplemented},
	"proxy_resolve_shared_queue":         {"sso", unimplemented},
	"proxy_dequeue_shared_queue":         {"ud", unimplemented},
	"proxy_enqueue_shared_queue":         {"us", unimplemented},

	"proxy_get_header_map_value":     {"usd", getHeaderMapValue},
	"proxy_add_header_map_value":     {"uss", addHeaderMapValue},
	"proxy_replace_header_map_value": {"uss", replaceHeaderMapValue},
	"proxy_remove_header_map_value":  {"us", removeHeaderMapValue},
	"proxy_get_header_map_pairs":     {"ud", getHeaderMapPairs},
	"proxy_set_header_map_pairs":     {"up", setHeaderMapPairs},
	"proxy_get_header_map_size":      {"uo", getHeaderMapSize},
	"proxy_get_buffer_bytes":         {"uuud", getBufferBytes},
	"proxy_set_buffer_bytes":         {"uuus", setBufferBytes},
	"proxy_get_buffer_status":        {"uoo", getBufferStatus},

	"proxy_continue_stream":     {"u", continueStream},
	"proxy_close_stream":        {"u", closeStream},
	"proxy_send_local_response": {"usspu", sendLocalResponse},
	"proxy_http_call":           {"spspuo", httpCall},

	"proxy_define_metric":    {"uso", defineMetric},
	"proxy_increment_metric": {"ul", incrementMetric},
	"proxy_record_metric":    {"ul", recordMetric},
	"proxy_get_metric":       {"uq", getMetric},
}

func unimplemented(*invocation) Status { return Unimplemented }

// LogLevel is a level of proxy_log.
type LogLevel uint32

// The levels.
const (
	Trace LogLevel = iota
	Debug
	Info
	Warn
	Error
	Critical
)

// Log is one line that the module logged.
type Log struct {
	Level   LogLevel
	Message string
	Plugin  *Plugin
	Stream  *Stream
}

func log(i *invocation) Status {
	level := LogLevel(i.number(0))
	if level > Critical {
		i.violate("log level %d, which ends Envoy", level)
		return BadArgument
	}
	i.logs = append(i.logs, Log{level, i.bytes[0], i.contextPlugin(), i.contextStream()})
	return OK
}

func getLogLevel(i *invocation) Status {
	i.put32(0, uint32(i.options.LogLevel))
	return OK
}

func getCurrentTime(i *invocation) Status {
	i.put64(0, uint64(i.now.UnixNano()))
	return OK
}

func getStatus(i *invocation) Status {
	code, message := OK, ""
	if i.frame.callback == "proxy_on_http_call_response" && i.contextPlugin() != nil && i.contextPlugin().answer == nil {
		code, message = BrokenConnection, "reset"
	}
	i.put32(0, uint32(code))
	return i.putBytes(1, []byte(message))
}

func setTickPeriod(i *invocation) Status {
	if plugin := i.contextPlugin(); plugin != nil {
		plugin.tick = time.Duration(i.number(0)) * time.Millisecond
	}
	return OK
}

func setEffectiveContext(i *invocation) Status {
	id := i.number(0)
	if i.plugins[id] == nil && i.streams[id] == nil && id != 0 {
		return BadArgument
	}
	i.frame.effective = id
	return OK
}

func done(i *invocation) Status {
	plugin := i.contextPlugin()
	if plugin == nil || !plugin.pendingDone {
		return NotFound
	}
	plugin.pendingDone = false
	i.deferred = append(i.deferred, plugin.delete)
	return OK
}

func callForeignFunction(i *invocation) Status {
	function := i.ForeignFunctions[i.bytes[0]]
	if function == nil {
		return NotFound
	}
	result, status := function([]byte(i.bytes[1]))
	if i.outs[0] != 0 {
		if wrote := i.putBytes(0, result); wrote != OK {
			return wrote
		}
	}
	return status
}

// getProperty finds what the module stored itself first, as Envoy looks at
// the filter state by the first element of a path.
func getProperty(i *invocation) Status {
	path := strings.TrimSuffix(i.bytes[0], "\x00")
	var places []map[string]string
	if stream := i.contextStream(); stream != nil {
		if value, ok := stream.filterState["wasm."+path]; ok {
			return i.putBytes(0, []byte(value))
		}
		places = append(places, stream.Properties)
	}
	if plugin := i.contextPlugin(); plugin != nil {
		places = append(places, plugin.Properties)
	}
	for _, place := range append(places, i.Properties) {
		if value, ok := place[strings.ReplaceAll(path, "\x00", ".")]; ok {
			return i.putBytes(0, []byte(value))
		}
	}
	return NotFound
}

func setProperty(i *invocation) Status {
	stream := i.contextStream()
	if stream == nil {
		return NotFound
	}
	stream.filterState["wasm."+i.bytes[0]] = i.bytes[1]
	return OK
}

// SharedData is what VMs of one vm_id have in common.
type SharedData struct {
	mutex   sync.Mutex
	lastCAS uint32
	values  map[string]sharedValue
}

type sharedValue struct {
	value []byte
	cas   uint32
}

// Get is what the module would read.
func (s *SharedData) Get(key string) (value []byte, cas uint32, ok bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	stored, ok := s.values[key]
	return stored.value, stored.cas, ok
}

// Set is what another module might do. A cas of zero always wins.
func (s *SharedData) Set(key string, value []byte, cas uint32) Status {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if stored, ok := s.values[key]; ok && cas != 0 && cas != stored.cas {
		return CasMismatch
	}
	if s.values == nil {
		s.values = map[string]sharedValue{}
	}
	s.lastCAS++
	s.values[key] = sharedValue{value, s.lastCAS}
	return OK
}

func getSharedData(i *invocation) Status {
	value, cas, ok := i.shared.Get(i.bytes[0])
	if !ok {
		return NotFound
	}
	i.put32(2, cas)
	return i.putBytes(0, value)
}

func setSharedData(i *invocation) Status {
	return i.shared.Set(i.bytes[0], []byte(i.bytes[1]), i.number(0))
}
