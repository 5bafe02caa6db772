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

// heldLine is a line that was logged, and how many of its kind came since.
type heldLine struct {
	hash   uint64
	owner  uint32 // the plugin; 0: the VM
	logged uint64 // the host's time in nanoseconds
	more   uint32
	level  logLevel
	length uint16 // 0: the place is free
	text   [256]byte
}

// logbook holds lines back that repeat: an outage or an attacker could bring thousands a
// second. The first is logged at once, and then one a minute that says how many it
// stands for. All plugins share it, and nothing in it is allocated: a line can be due to
// exhausted memory.
var logbook struct {
	lines   [64]heldLine
	dropped uint32    // lines for which no place was free
	out     [320]byte // for the line with its number
}

const logEvery = 60_000_000_000 // nanoseconds

// logSeldom logs a line unless the owner logged one with the same key within the last
// minute. Its parts are joined, and cut to 256 bytes.
func logSeldom(owner uint32, level logLevel, key string, parts ...string) {
	hash := uint64(14695981039346656037) ^ uint64(owner)<<8 ^ uint64(level)
	for i := 0; i < len(key); i++ {
		hash = (hash ^ uint64(key[i])) * 1099511628211 // FNV-1a
	}
	var line *heldLine
	for i := range logbook.lines {
		if l := &logbook.lines[i]; l.length > 0 && l.hash == hash {
			line = l
			break
		} else if l.length == 0 {
			line = l
		}
	}
	if line == nil {
		logbook.dropped++
		return
	}
	isNew := line.length == 0
	line.keep(parts)
	if isNew {
		line.hash, line.owner, line.level, line.more = hash, owner, level, 0
		line.write()
		return
	}
	line.more++
	if line.due() {
		line.more--
		line.write()
	}
}

// keep keeps the newest text of the line, without line breaks.
func (l *heldLine) keep(parts []string) {
	text := l.text[:0]
	for _, part := range parts {
		for i := 0; i < len(part) && len(text) < cap(text); i++ {
			c := part[i]
			if c < ' ' || c == 0x7f || c >= 0x80 && len(text) > cap(text)-4 {
				c = '?' // no line break, and no half of a character at the end
			}
			text = append(text, c)
		}
	}
	l.length = uint16(len(text))
}

// due reports whether the line may be logged again, also after the clock was set back.
//
// The time is that of the last call of now: the host permits no call while it allocates
// memory, and a panic there is logged, too.
func (l *heldLine) due() bool { return outNanos-l.logged >= logEvery }

// write logs a line with the number of its occurrences.
func (l *heldLine) write() {
	out := append(logbook.out[:0], l.text[:l.length]...)
	if l.more > 0 {
		out = append(out, " (and "...)
		out = strconv.AppendUint(out, uint64(l.more), 10)
		out = append(out, " more since the last such line)"...)
	}
	l.logged, l.more = outNanos, 0
	text := unsafe.String(unsafe.SliceData(out), len(out))
	if l.level == levelError {
		sdk.LogError(text)
	} else {
		sdk.LogWarn(text)
	}
}

// flushLog logs what was held back for a minute of a plugin and of the VM. Lines of a
// plugin that ended are forgotten.
func flushLog(owner uint32) {
	for i := range logbook.lines {
		switch line := &logbook.lines[i]; {
		case line.length == 0 || !line.due():
		case line.owner != 0 && line.owner != owner:
			if outNanos-line.logged >= 2*logEvery {
				line.length = 0
			}
		case line.more > 0:
			line.more--
			line.write()
		default:
			line.length = 0
		}
	}
	if n := logbook.dropped; n > 0 {
		logbook.dropped = 0
		logSeldom(0, levelWarn, "dropped", "some of many different lines were not logged")
	}
}
