//go:build tinygo

package policy

// room is how many entries a map has room for at its start. When a map of TinyGo's
// grows, it needs one piece of memory, of twice its size, and finds none among
// what survived: then all of the memory doubles. So what it may hold is there from
// the start, where the entry is of the usual size.
func room(limit, entry int) int { return limit / entry }
