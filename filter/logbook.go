//go:build wasm

package filter

import (
	"strconv"
	"unsafe"

	"bearerauth/filter/internal/sdk"
)

// logLevel is the level of a line that can repeat.
type logLevel uint8

const (
	levelWarn logLevel = iota
	levelError
)

// heldLine is a line that was logged, and how often it came again since.
type heldLine struct {
	hash   uint64
	logged uint64 // the host's time in nanoseconds
	again  uint32
	level  logLevel
	length uint16 // 0: the place is free
	text   [256]byte
}

// logbook holds lines back that repeat: an outage or an attacker could bring thousands a
// second. The first is logged at once, and then one a minute that says how many it
// stands for. It is global, as the log is, and nothing in it is allocated: a line can be
// due to exhausted memory.
var logbook struct {
	lines   [32]heldLine
	dropped uint32 // lines for which no place was free
	out     [320]byte
}

const logEvery = 60_000_000_000 // nanoseconds

// logSeldom logs a line unless the same was logged within the last minute. Its parts are
// joined, and cut to 256 bytes.
func logSeldom(level logLevel, parts ...string) {
	hash := uint64(14695981039346656037)
	for _, part := range parts {
		for i := 0; i < len(part); i++ {
			hash = (hash ^ uint64(part[i])) * 1099511628211 // FNV-1a
		}
	}
	at := logTime()
	var free *heldLine
	for i := range logbook.lines {
		line := &logbook.lines[i]
		switch {
		case line.length == 0:
			free = line
		case line.hash == hash && line.level == level:
			line.again++
			if line.due(at) {
				line.write(at)
			}
			return
		}
	}
	if free == nil {
		logbook.dropped++
		return
	}
	free.hash, free.level, free.again = hash, level, 1
	text := free.text[:0]
	for _, part := range parts {
		for i := 0; i < len(part) && len(text) < cap(text); i++ {
			c := part[i]
			if c < ' ' || c == 0x7f || c >= 0x80 && len(text) > cap(text)-4 {
				c = '?' // no line break, and no half of a character at the end
			}
			text = append(text, c)
		}
	}
	free.length = uint16(len(text))
	free.write(at)
}

// due reports whether the line may be logged again, also after the clock was set back.
func (l *heldLine) due(at uint64) bool { return at-l.logged >= logEvery }

// write logs a line with the number of its occurrences.
func (l *heldLine) write(at uint64) {
	out := append(logbook.out[:0], l.text[:l.length]...)
	if l.again > 1 {
		out = append(out, " ("...)
		out = strconv.AppendUint(out, uint64(l.again), 10)
		out = append(out, " times)"...)
	}
	l.logged, l.again = at, 0
	text := unsafe.String(unsafe.SliceData(out), len(out))
	if l.level == levelError {
		sdk.LogError(text)
	} else {
		sdk.LogWarn(text)
	}
}

// flushLog logs what was held back for a minute.
func flushLog() {
	at := logTime()
	for i := range logbook.lines {
		switch line := &logbook.lines[i]; {
		case line.length == 0 || !line.due(at):
		case line.again > 0:
			line.write(at)
		default:
			line.length = 0
		}
	}
	if n := logbook.dropped; n > 0 {
		logbook.dropped = 0
		logSeldom(levelWarn, "many different lines: some were not logged")
	}
}

// logTime is the host's time in nanoseconds, 0 where it gives none: nothing may panic
// while a panic is logged.
func logTime() uint64 {
	outNanos = 0
	_ = hostTime(unsafe.Pointer(&outNanos))
	return outNanos
}
