package main

import (
	"fmt"
	"slices"
	"strings"
)

// RESULTS.md is for readers who choose a filter: it compares the cost of a request with
// Envoy's own filters. Targets are internal, so only the terminal shows them.

const pageHead = `# What a request costs

This page compares the CPU time of a request through Bearerauth with that of a request through Envoy's own filters, in one
Envoy, in one run. ` + "`make bench`" + ` measures it on your machine.

`

const pageSummary = `CPU time over a listener without a filter, in microseconds. The intervals are in [all rows](#all-rows).

- "cached" and "cache hit": the same token comes again, and the filter remembers that it verified. All other rows with an
  algorithm verify a signature per request.
- "static", "cached" and rows with an algorithm alone: the token goes on to the upstream and nothing is added to the request.
- "default configuration": the token is removed, and the subject becomes a header and filter state.

`

const pageMethod = `## How it was measured

- One Envoy with one worker has one listener per row. The Envoy process is pinned to one processor. wrk loads one row after
  the other from another processor.
- The unit is the CPU time of the Envoy process per request, in microseconds (us). On a shared machine it is steadier than
  throughput.
- Every request is HTTP/1.1 over a kept connection. It has 15 headers (14 without a token) and 2,048 bytes. Envoy itself
  sends the same response in all rows.
- In each round every row is loaded once, in a random order, and the listener without a filter three times. The cost of a
  row is the median over the rounds of the difference to no filter in the same round.
- The interval in brackets is the bootstrap's 95 % interval of that median. A ratio compares two rows of the same round by
  their cost over no filter.
- A noisy round is measured again. A round is noisy if no filter is more than 25 % off its median, or if other processes
  were busy.

`

const pageRows = `## All rows

- Rows of ` + "`jwt_authn`" + ` without "cache hit" get another valid token with each request.
- "floor" is a Wasm module in C that reads ` + "`Authorization`" + ` and lets every request pass. No Wasm filter that reads a token
  costs less.
- "our host calls alone" are Wasm modules in C that make the host calls of Bearerauth and nothing else.
- "introspection, uncached" asks an authorization server about another token with each request. So do ` + "`ext_authz`" + ` and Lua
  in their rows. The server answers at once, on wrk's processor: its own time is in no number, Envoy's time for the call is.
  Lua makes the same call as introspection and does nothing else.
- req/s, p50 and p99 are wrk's at saturation, with 16 connections. They say little on a shared machine.

`

const pagePaced = `## Latency at 70 % of saturation

`

const pageFacts = `## Size, start and memory

RSS is the resident memory of the Envoy process. Each worker has a VM of its own.

`

// ownFilters names the filter of Envoy's that does the nearest thing, where a
// row is not compared with that one already.
var ownFilters = map[string]string{
	ourStatic: nativeKey,
	"bearerauth static, default configuration":                   nativeKey,
	"bearerauth JWT, cached":                                     nativeCached,
	"bearerauth JWT, cached, default configuration":              nativeCached,
	"bearerauth JWT, cached, 10 rules, scope, two claim headers": nativeCached,
}

var markHeads = []string{"for comparison", "us"}

var summaryHeads = []string{"what is checked", "Envoy's own filter", "its us", standardBuild, smallBuild}

// summaryCells are the rows that have a counterpart among Envoy's filters.
func (r *report) summaryCells() (cells [][]string) {
	costs := map[string]string{}
	for _, s := range r.results {
		costs[s.name] = fmt.Sprintf("%.1f", s.cost.median)
	}
	for _, s := range r.results {
		if _, ours := s.filter.(bearerauth); !ours {
			continue
		}
		native, ok := ownFilters[s.name]
		if !ok {
			native = s.beside
		}
		if !isNative(native) {
			continue
		}
		cells = append(cells, []string{
			strings.TrimLeft(strings.TrimPrefix(s.name, "bearerauth"), ", "), native, costs[native], costs[s.name], costs[ofSmall(s.name)],
		})
	}
	return cells
}

// markCells are costs that no filter of the table has as its counterpart.
func (r *report) markCells() (cells [][]string) {
	for _, s := range r.results {
		switch s.name {
		case floorStatic, floorJWT, nativeLua, nativeLuaCall:
			cells = append(cells, []string{s.name, fmt.Sprintf("%.1f", s.cost.median)})
		}
	}
	return cells
}

func isNative(name string) bool {
	return name == nativeKey || name == nativeCall || strings.HasPrefix(name, "jwt_authn")
}

// without leaves out columns of a table.
func without(cells [][]string, columns ...int) [][]string {
	kept := make([][]string, len(cells))
	for i, line := range cells {
		for j, cell := range line {
			if !slices.Contains(columns, j) {
				kept[i] = append(kept[i], cell)
			}
		}
	}
	return kept
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(pageHead)
	if cells := r.summaryCells(); len(cells) > 0 {
		b.WriteString(pageSummary + piped(summaryHeads, cells) + "\n")
	}
	if cells := r.markCells(); len(cells) > 0 {
		b.WriteString(piped(markHeads, cells) + "\n")
	}
	b.WriteString(pageMethod)
	for _, s := range r.setting {
		fmt.Fprintf(&b, "- %s: %s\n", s[0], s[1])
	}
	if lines := r.noise(); lines != nil {
		b.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	}
	if r.quick {
		b.WriteString("\nThis was `-quick`: it shows that the bench runs, and nothing about speed.\n")
	}
	judged := []int{3, 4, 5} // target, found, verdict
	for _, t := range []struct {
		text         string
		heads, cells [][]string
	}{
		{pageRows, without([][]string{resultHeads}, judged...), without(r.resultCells(), judged...)},
		{pagePaced, [][]string{pacedHeads}, r.pacedCells()},
		{pageFacts, without([][]string{factHeads}, 2, 3), without(r.factCells(), 2, 3)},
	} {
		if len(t.cells) > 0 {
			b.WriteString("\n" + t.text + piped(t.heads[0], t.cells))
		}
	}
	return b.String()
}

func piped(heads []string, cells [][]string) string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(heads, " | ") + " |\n|" + strings.Repeat(" --- |", len(heads)) + "\n")
	for _, line := range cells {
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
	}
	return b.String()
}
