package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// packages are what go test can meet, by their names.
var packages = map[string]string{
	"good": `import "testing"
func TestGood(t *testing.T) { t.Log("not shown") }
func TestSkipped(t *testing.T) { t.Skip() }`,
	"bad": `import "testing"
func TestBad(t *testing.T) {
	t.Run("one", func(t *testing.T) { t.Error("what is wrong") })
	t.Run("two", func(t *testing.T) {})
}`,
	"broken": `func TestBroken(t *testing.T) {}`,
	"panics": `import "testing"
func TestPanics(t *testing.T) { panic("out of order") }`,
	"hangs": `import "testing"
func TestHangs(t *testing.T) { select {} }
func TestNever(t *testing.T) {}`,
	"exits": `import ("os"; "testing")
func TestMain(m *testing.M) { println("no reason to run"); os.Exit(3) }`,
}

func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n\ngo 1.26\n")
	for name, text := range packages {
		write(name+"/x_test.go", "package "+name+"\n"+text+"\n")
	}
	return dir
}

func TestReport(t *testing.T) {
	t.Parallel()
	dir := module(t)
	for _, tt := range []struct {
		args   string
		failed bool
		says   []string
		hides  []string
	}{
		{"./good", false, []string{"ok  \tm/good", "== ok: 1 tests passed, 0 failed, 1 skipped"}, []string{"not shown", "what failed"}},
		{"./good ./bad", true, []string{"ok  \tm/good", "FAIL\tm/bad", "what is wrong", "   m/bad TestBad/one\n== FAIL: 2 tests passed, 2 failed"}, []string{"m/bad TestBad\n"}},
		{"./broken", true, []string{"undefined: testing", "FAIL\tm/broken [build failed]", "   m/broken\n"}, nil},
		{"./panics", true, []string{"panic: out of order", "   m/panics TestPanics\n"}, nil},
		{"-timeout=1s ./hangs", true, []string{"panic: test timed out", "   m/hangs TestHangs\n"}, []string{"TestNever\n"}},
		{"./exits", true, []string{"no reason to run", "FAIL\tm/exits", "   m/exits\n"}, nil},
		{"./absent", true, []string{"directory not found", "   ./absent"}, nil},
		{"-nosuchflag ./good", true, []string{"== FAIL"}, nil},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			code, err := goTest(r, dir, strings.Fields(tt.args))
			if err != nil {
				t.Fatal(err)
			}
			r.close(code == 0, time.Second)
			if (code != 0) != tt.failed {
				t.Errorf("exit code %d, want a failure: %t", code, tt.failed)
			}
			for _, text := range tt.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("want %q in\n%s", text, &out)
				}
			}
			for _, text := range tt.hides {
				if strings.Contains(out.String(), text) {
					t.Errorf("want no %q in\n%s", text, &out)
				}
			}
		})
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	got := split(strings.Fields("-- . ./... -short -- -- e2e ./oracle/... --"))
	if len(got) != 2 || strings.Join(got[0], " ") != ". ./... -short" || strings.Join(got[1], " ") != "e2e ./oracle/..." {
		t.Errorf("%q", got)
	}
}

// A run that says nothing for a while shows that it is alive.
func TestProgress(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := newReport(&out)
	for _, line := range []string{
		`{"Action":"run","Package":"m","Test":"TestA"}`, `{"Action":"pause","Package":"m","Test":"TestA"}`,
		`{"Action":"run","Package":"m","Test":"TestB"}`, `{"Action":"run","Package":"m","Test":"TestB/one"}`,
		`{"Action":"pass","Package":"m","Test":"TestB/one"}`,
	} {
		r.line([]byte(line))
	}
	r.progress(time.Now())
	r.progress(time.Now().Add(time.Minute))
	if want := "   … 1 tests passed; now TestB\n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}
