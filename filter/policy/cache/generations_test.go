package cache

import "testing"

func entries(g *Generations[int]) (n int) {
	for i := range g.young {
		n += len(g.young[i]) + len(g.old[i])
	}
	return n
}

// TestGenerations: an entry that is looked up stays, others are evicted, and the limit
// holds.
func TestGenerations(t *testing.T) {
	t.Parallel()
	g := NewGenerations(100*(entryOverhead+10), func(int) int { return 10 })
	key := func(i int) Name { return Name{Lo: uint64(i) * 0x9e3779b97f4a7c15, Hi: 1} }
	for i := range 10_000 {
		g.Put(key(i), i)
		if v, ok := g.Get(key(0)); !ok || v != 0 {
			t.Fatalf("after %d others: %d %v", i, v, ok)
		}
		if n := entries(g); n > 100 {
			t.Fatalf("%d entries", n)
		}
	}
	if _, ok := g.Get(key(5000)); ok {
		t.Error("an entry that was never looked up was not evicted")
	}
	if _, ok := g.Get(Name{Lo: 0, Hi: 2}); ok {
		t.Error("half of a key was enough")
	}
	g.Drop(key(0))
	if _, ok := g.Get(key(0)); ok {
		t.Error("a dropped entry is found")
	}
	g.Sweep(func(int) bool { return true })
	if entries(g) != 0 || g.youngBytes != 0 {
		t.Errorf("%d entries, %d bytes after a sweep of all", entries(g), g.youngBytes)
	}
	off := NewGenerations(0, func(int) int { return 0 })
	off.Put(key(1), 1)
	if _, ok := off.Get(key(1)); ok {
		t.Error("a cache of size zero keeps an entry")
	}
}

// TestGenerationsCompareWholeKeys: two tokens that share half of a key are two
// tokens, in either half of the memory.
func TestGenerationsCompareWholeKeys(t *testing.T) {
	t.Parallel()
	g := NewGenerations(2*4*entryOverhead, func(int) int { return 0 })
	g.Put(Name{Lo: 1, Hi: 1}, 7)
	for i := range uint64(6) {
		for _, hi := range []uint64{0, 2} {
			if v, ok := g.Get(Name{Lo: 1, Hi: hi}); ok {
				t.Fatalf("after %d: %d is found under another key", i, v)
			}
		}
		g.Put(Name{Lo: 100 + i, Hi: 1}, 8)
	}
	if len(*g.old.of(1)) == 0 {
		t.Fatal("nothing has grown old")
	}
	if v, ok := g.Get(Name{Lo: 1, Hi: 1}); !ok || v != 7 {
		t.Errorf("%d, %v under its own key", v, ok)
	}
}
