package envoy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		go func() {
			for _, part := range []string{"fir", "st\nsec", "ond\n"} {
				time.Sleep(time.Second)
				_, _ = l.Write([]byte(part))
			}
		}()
		if line, err := l.Wait(`^sec`, time.Minute); err != nil || line != "second" {
			t.Errorf("wanted the whole second line, got %q, %v", line, err)
		}
		if line, err := l.Wait(`^first$`, 0); err != nil || line != "first" {
			t.Errorf("wanted what is there already, got %q, %v", line, err)
		}
		mark := l.Mark()
		if _, err := l.WaitAfter(mark, `first`, time.Minute); err == nil || !strings.Contains(err.Error(), "within 1m0s") {
			t.Errorf("wanted nothing after the mark, got %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			_, _ = l.Write([]byte("no line feed"))
			l.close()
		}()
		if line, err := l.WaitAfter(mark, `feed$`, time.Minute); err != nil || line != "no line feed" {
			t.Errorf("wanted the last words, got %q, %v", line, err)
		}
		begin := time.Now()
		if _, err := l.Wait(`never`, time.Hour); err == nil || !strings.Contains(err.Error(), "has ended") || time.Since(begin) > 0 {
			t.Errorf("wanted no waiting on a closed log, got %v after %v", err, time.Since(begin))
		}
	})
}

func TestLogForgetsItsBeginning(t *testing.T) {
	l := newLog()
	line := []byte(strings.Repeat("x", 1<<20-1) + "\n")
	for range 2 * keptLog / len(line) {
		_, _ = l.Write(line)
	}
	mark := l.Mark()
	if mark != 2*keptLog {
		t.Errorf("wanted marks to count from the start, got %d", mark)
	}
	_, _ = l.Write([]byte("end\n"))
	if got := l.Since(mark); got != "end\n" {
		t.Errorf("wanted end, got %d bytes", len(got))
	}
	if got := len(l.String()); got > keptLog*5/4+len(line) {
		t.Errorf("wanted about %d bytes kept, got %d", keptLog, got)
	}
}
