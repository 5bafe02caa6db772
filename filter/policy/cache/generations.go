// Package cache is a bounded map for the results of tokens. Its keys are SipHash sums
// under a secret of the VM, so that a client cannot construct two tokens with one key.
// It evicts what is no longer looked up, and never grows beyond its limit.
package cache

// Generations is a bounded map in two halves. New entries go to the young half. When it
// is full, the old half is emptied and the two change roles. A look-up moves an entry
// from the old half to the young one. So an entry that is not looked up is evicted when
// the young half has been filled twice. A look-up costs one or two map accesses, and
// there is no list to maintain.
type Generations[V any] struct {
	young, old *shards[V]
	size       func(V) int // of a value, in bytes
	youngBytes int
	limit      int // in bytes, of one generation
}

// NewGenerations makes an empty map. limit bounds both halves together, in bytes; size
// returns the size of a value in bytes, to which an overhead for the entry is added.
func NewGenerations[V any](limit int, size func(V) int) *Generations[V] {
	return &Generations[V]{young: new(shards[V]), old: new(shards[V]), size: size, limit: limit / 2}
}

// shards is a map from the lower half of a key, which hashes faster than the whole. It
// is split into small maps because of TinyGo. There a map is one block of memory that
// grows into a block of twice the size. A large one finds no space between the objects
// that survived the last collection, and the heap doubles. TinyGo's collector is also
// conservative: it takes every word for a pointer, and the larger a block is, the more
// likely a word points into it and keeps it for ever.
type shards[V any] [shardCount]map[uint64]entry[V]

const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// entry is a value with the upper half of its key.
type entry[V any] struct {
	hi    uint64
	value V
}

func (s *shards[V]) of(lo uint64) *map[uint64]entry[V] { return &s[lo>>(64-shardBits)] }

func (s *shards[V]) put(lo uint64, e entry[V]) {
	m := s.of(lo)
	if *m == nil {
		*m = map[uint64]entry[V]{}
	}
	(*m)[lo] = e
}

// Get returns the value under k and marks it as used.
func (g *Generations[V]) Get(k Name) (v V, ok bool) {
	if e, ok := (*g.young.of(k.Lo))[k.Lo]; ok {
		if e.hi != k.Hi {
			return v, false
		}
		return e.value, true
	}
	old := *g.old.of(k.Lo)
	if len(old) == 0 {
		return v, false
	}
	e, ok := old[k.Lo]
	if !ok || e.hi != k.Hi {
		return v, false
	}
	delete(old, k.Lo)
	g.Put(k, e.value)
	return e.value, true
}

// Put stores v under k. A value that is larger than half the limit is not stored.
func (g *Generations[V]) Put(k Name, v V) {
	size := g.size(v) + entryOverhead
	if size > g.limit {
		return
	}
	if have, ok := (*g.young.of(k.Lo))[k.Lo]; ok {
		g.youngBytes -= g.size(have.value) + entryOverhead
	}
	if g.youngBytes+size > g.limit {
		for _, m := range g.old {
			clear(m)
		}
		g.young, g.old = g.old, g.young
		g.youngBytes = 0
	}
	g.young.put(k.Lo, entry[V]{k.Hi, v})
	g.youngBytes += size
}

// Drop removes the value under k.
func (g *Generations[V]) Drop(k Name) { g.dropHalf(k.Lo) }

func (g *Generations[V]) dropHalf(lo uint64) {
	young := *g.young.of(lo)
	if e, ok := young[lo]; ok {
		g.youngBytes -= g.size(e.value) + entryOverhead
		delete(young, lo)
	}
	delete(*g.old.of(lo), lo)
}

// Sweep removes the values for which expired returns true. Without it they would
// occupy memory until they are evicted.
func (g *Generations[V]) Sweep(expired func(V) bool) {
	for _, m := range g.young {
		for lo, e := range m {
			if expired(e.value) {
				g.dropHalf(lo)
			}
		}
	}
	for _, m := range g.old {
		for lo, e := range m {
			if expired(e.value) {
				delete(m, lo)
			}
		}
	}
}

// entryOverhead is the estimated cost of a map entry besides its value, in bytes: the
// key, a pointer, and the slots that a map keeps free.
const entryOverhead = 64
