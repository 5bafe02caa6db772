// Package cache is bounded memory under names that a client cannot foresee: SipHash
// under a key of the VM. It forgets what is not asked for, and never grows beyond its
// limit.
package cache

// Generations is a bounded map: what is not asked for any more goes when the
// half that holds it has been filled twice. A look-up costs one or two map
// accesses, no list is kept, and it never shrinks or grows beyond its limit.
type Generations[V any] struct {
	Young, Old *shards[V]
	size       func(V) int
	YoungBytes int
	limit      int // in bytes, of one generation
}

// NewGenerations takes the limit of both in bytes.
func NewGenerations[V any](limit int, size func(V) int) *Generations[V] {
	return &Generations[V]{Young: new(shards[V]), Old: new(shards[V]), size: size, limit: limit / 2}
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
	Value V
}

func (s *shards[V]) Of(lo uint64) *map[uint64]entryOf[V] { return &s[lo>>(64-shardBits)] }

func (s *shards[V]) put(lo uint64, e entryOf[V]) {
	m := s.Of(lo)
	if *m == nil {
		*m = map[uint64]entryOf[V]{}
	}
	(*m)[lo] = e
}

func (g *Generations[V]) Get(k Name) (v V, ok bool) {
	if e, ok := (*g.Young.Of(k.Lo))[k.Lo]; ok {
		if e.hi != k.Hi {
			return v, false
		}
		return e.Value, true
	}
	old := *g.Old.Of(k.Lo)
	if len(old) == 0 {
		return v, false
	}
	e, ok := old[k.Lo]
	if !ok || e.hi != k.Hi {
		return v, false
	}
	delete(old, k.Lo)
	g.Put(k, e.Value)
	return e.Value, true
}

func (g *Generations[V]) Put(k Name, v V) {
	size := g.size(v) + EntryOverhead
	if size > g.limit {
		return
	}
	if have, ok := (*g.Young.Of(k.Lo))[k.Lo]; ok {
		g.YoungBytes -= g.size(have.Value) + EntryOverhead
	}
	if g.YoungBytes+size > g.limit {
		for _, m := range g.Old {
			clear(m)
		}
		g.Young, g.Old = g.Old, g.Young
		g.YoungBytes = 0
	}
	g.Young.put(k.Lo, entryOf[V]{k.Hi, v})
	g.YoungBytes += size
}

func (g *Generations[V]) Drop(k Name) { g.dropHalf(k.Lo) }

func (g *Generations[V]) dropHalf(lo uint64) {
	young := *g.Young.Of(lo)
	if e, ok := young[lo]; ok {
		g.YoungBytes -= g.size(e.Value) + EntryOverhead
		delete(young, lo)
	}
	delete(*g.Old.Of(lo), lo)
}

// Len is the number of entries.
func (g *Generations[V]) Len() (n int) {
	for i := range g.Young {
		n += len(g.Young[i]) + len(g.Old[i])
	}
	return n
}

// Sweep drops what is over, so that it does not lie in memory until its room is
// needed.
func (g *Generations[V]) Sweep(over func(V) bool) {
	for _, m := range g.Young {
		for lo, e := range m {
			if over(e.Value) {
				g.dropHalf(lo)
			}
		}
	}
	for _, m := range g.Old {
		for lo, e := range m {
			if over(e.Value) {
				delete(m, lo)
			}
		}
	}
}

// EntryOverhead is what a map entry costs beside its value: key, pointer, and
// the room that a map keeps free.
const EntryOverhead = 64
