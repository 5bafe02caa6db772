package wasmhost

import "maps"

type metricType uint32

const (
	counter metricType = iota
	gauge
	histogram
	endOfMetricTypes
)

// metrics are by name; as in Envoy, defining a name twice gives two ids of one
// metric. The lowest bits of an id are its type.
type metrics struct {
	last   [endOfMetricTypes]uint32
	names  map[uint32]string
	values map[string]uint64
}

const metricTypeMask, metricStep = 3, 4

// Metrics are the values of all metrics by name; for a histogram, of the last
// record.
func (vm *VM) Metrics() map[string]uint64 { return maps.Clone(vm.metrics.values) }

// Metric is one value, and zero where there is no such metric.
func (vm *VM) Metric(name string) uint64 { return vm.metrics.values[name] }

func defineMetric(i *invocation) Status {
	kind, name := i.number(0), i.bytes[0]
	if kind >= uint32(endOfMetricTypes) {
		return BadArgument
	}
	m := &i.metrics
	if m.names == nil {
		m.names, m.values = map[uint32]string{}, map[string]uint64{}
	}
	m.last[kind] += metricStep
	id := m.last[kind] | kind
	m.names[id] = name
	m.values[name] += 0 // so that it is listed
	i.put32(0, id)
	return OK
}

func incrementMetric(i *invocation) Status {
	id, offset := i.number(0), int64(i.numbers[1])
	name, ok := i.metrics.names[id]
	switch kind := metricType(id & metricTypeMask); {
	case kind >= histogram:
		return BadArgument
	case !ok:
		return NotFound
	case kind == counter && offset <= 0:
		return BadArgument
	}
	i.metrics.values[name] += uint64(offset)
	return OK
}

func recordMetric(i *invocation) Status {
	id, value := i.number(0), i.numbers[1]
	name, ok := i.metrics.names[id]
	if !ok {
		return NotFound
	}
	if metricType(id&metricTypeMask) == counter {
		value += i.metrics.values[name]
	}
	i.metrics.values[name] = value
	return OK
}

func getMetric(i *invocation) Status {
	id := i.number(0)
	name, ok := i.metrics.names[id]
	switch {
	case metricType(id&metricTypeMask) >= histogram:
		return BadArgument
	case !ok:
		return NotFound
	}
	i.put64(0, i.metrics.values[name])
	return OK
}
