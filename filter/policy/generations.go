package policy

// generations is a bounded map: what is not asked for any more goes when the
// half that holds it has been filled twice. A look-up costs one or two map
// accesses, no list is kept, and it never shrinks or grows beyond its limit.
type generations[V any] struct {
	young, old *shards[V]
	size       func(V) int
	youngBytes int
	limit      int // in bytes, of one generation
}

// newGenerations takes the limit of both in bytes.
func newGenerations[V any](limit int, size func(V) int) *generations[V] {
	return &generations[V]{young: new(shards[V]), old: new(shards[V]), size: size, limit: limit / 2}
}

// shards is a map by half of a key, which hashes faster than all of it. It is cut
// into small maps: a table of TinyGo's is one piece of memory, grows into one of
// twice its size, and finds no room for that among what survived, so that all of
// the memory doubles. And TinyGo's collector takes every word of the program's
// data for a pointer: the larger a piece, the more likely one points into it and
// keeps it for ever.
type shards[V any] [shardCount]map[uint64]entryOf[V]

const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// entryOf has the other half of its key.
type entryOf[V any] struct {
	hi    uint64
	value V
}

func (s *shards[V]) of(lo uint64) *map[uint64]entryOf[V] { return &s[lo>>(64-shardBits)] }

func (s *shards[V]) put(lo uint64, e entryOf[V]) {
	m := s.of(lo)
	if *m == nil {
		*m = map[uint64]entryOf[V]{}
	}
	(*m)[lo] = e
}

func (g *generations[V]) get(k tokenKey) (v V, ok bool) {
	if e, ok := (*g.young.of(k.lo))[k.lo]; ok {
		if e.hi != k.hi {
			return v, false
		}
		return e.value, true
	}
	old := *g.old.of(k.lo)
	if len(old) == 0 {
		return v, false
	}
	e, ok := old[k.lo]
	if !ok || e.hi != k.hi {
		return v, false
	}
	delete(old, k.lo)
	g.put(k, e.value)
	return e.value, true
}

func (g *generations[V]) put(k tokenKey, v V) {
	size := g.size(v) + entryOverhead
	if size > g.limit {
		return
	}
	if have, ok := (*g.young.of(k.lo))[k.lo]; ok {
		g.youngBytes -= g.size(have.value) + entryOverhead
	}
	if g.youngBytes+size > g.limit {
		for _, m := range g.old {
			clear(m)
		}
		g.young, g.old = g.old, g.young
		g.youngBytes = 0
	}
	g.young.put(k.lo, entryOf[V]{k.hi, v})
	g.youngBytes += size
}

func (g *generations[V]) drop(k tokenKey) { g.dropHalf(k.lo) }

func (g *generations[V]) dropHalf(lo uint64) {
	young := *g.young.of(lo)
	if e, ok := young[lo]; ok {
		g.youngBytes -= g.size(e.value) + entryOverhead
		delete(young, lo)
	}
	delete(*g.old.of(lo), lo)
}

// length is the number of entries.
func (g *generations[V]) length() (n int) {
	for i := range g.young {
		n += len(g.young[i]) + len(g.old[i])
	}
	return n
}

// sweep drops what is over, so that it does not lie in memory until its room is
// needed.
func (g *generations[V]) sweep(over func(V) bool) {
	for _, m := range g.young {
		for lo, e := range m {
			if over(e.value) {
				g.dropHalf(lo)
			}
		}
	}
	for _, m := range g.old {
		for lo, e := range m {
			if over(e.value) {
				delete(m, lo)
			}
		}
	}
}

// entryOverhead is what a map entry costs beside its value: key, pointer, and
// the room that a map keeps free.
const entryOverhead = 64
