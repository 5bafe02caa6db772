package envoy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"
)

// A demo may run for days.
const keptLog = 16 << 20

// Log collects what an Envoy writes, access logs on /dev/stdout included. It
// may be read while Envoy writes.
type Log struct {
	mu      sync.Mutex
	text    []byte
	dropped int // bytes cut off at the front
	closed  bool
	changed chan struct{} // closed at the next change
}

func newLog() *Log { return &Log{changed: make(chan struct{})} }

func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if cut := len(l.text) - keptLog; cut > keptLog/4 {
		l.text = append([]byte(nil), l.text[cut:]...)
		l.dropped += cut
	}
	l.wake()
	return len(b), nil
}

func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Tail returns the last n lines.
func (l *Log) Tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lastLines(l.text, n)
}

// Mark is the present end of the log, for WaitAfter and Since.
func (l *Log) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped + len(l.text)
}

// Since returns what was written after the mark.
func (l *Log) Since(mark int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, mark-l.dropped):])
}

// Copy writes what comes after the mark, until the context ends or Envoy does.
func (l *Log) Copy(ctx context.Context, w io.Writer, mark int) {
	for {
		l.mu.Lock()
		text := bytes.Clone(l.text[max(0, mark-l.dropped):])
		mark = l.dropped + len(l.text)
		closed, changed := l.closed, l.changed
		l.mu.Unlock()
		if _, err := w.Write(text); err != nil || closed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Wait returns the first whole line that matches the regular expression, be it
// written already or yet to come.
func (l *Log) Wait(pattern string, timeout time.Duration) (string, error) {
	return l.WaitAfter(0, pattern, timeout)
}

// WaitAfter is Wait over what is written after the mark.
func (l *Log) WaitAfter(mark int, pattern string, timeout time.Duration) (string, error) {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		line, next, closed, changed := l.search(mark, wanted)
		if line != nil {
			return string(line), nil
		}
		if closed {
			return "", fmt.Errorf("wanted a log line like `%s`, but Envoy has ended; its log ends with:\n%s", pattern, l.Tail(15))
		}
		mark = next
		select {
		case <-changed:
		case <-deadline.C:
			return "", fmt.Errorf("wanted a log line like `%s` within %v; the log ends with:\n%s", pattern, timeout, l.Tail(15))
		}
	}
}

// search looks at the whole lines from mark on; next is where the first line
// begins that is not whole yet.
func (l *Log) search(mark int, wanted *regexp.Regexp) (line []byte, next int, closed bool, changed chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mark = max(mark, l.dropped)
	rest := l.text[mark-l.dropped:]
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole && !l.closed {
			return nil, mark, false, l.changed
		}
		if wanted.Match(line) && (whole || len(line) > 0) {
			return bytes.Clone(line), mark, l.closed, l.changed
		}
		if !whole {
			return nil, mark, true, l.changed
		}
		mark += len(line) + 1
		rest = after
	}
}
