package corpus

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "invalid"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestArchive(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	want := []Archive{{"topic", []Case{
		{"array", []byte("[\n]\n"), "configuration: 1 problem\n  want an object\n"},
		{"empty", []byte(""), "an error\n"},
		{"latin", []byte("{\"\xe9\": 1}\n"), "an error\n"},
		{"marker", []byte("{\n-- a.json --\n}\n"), "an error\n"},
		{"new", []byte("{}\n"), ""},
		{"windows", []byte("{}\r\n"), "an error\n"},
	}}}
	if err := want[0].Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := invalid(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestBroken(t *testing.T) {
	t.Parallel()
	for text, wanted := range map[string]string{
		"{}\n":                             "want a line",
		"-- a.txt --\n{}\n":                "want a .json",
		"-- a.err --\nno\n":                "want a .json",
		"-- a.json --\n{}\n-- b.err --\n":  "want a .json",
		"-- a.quoted --\n{}\n":             "invalid syntax",
		"-- a.json --\n-- a.json --\n{}\n": "is in",
	} {
		dir := folder(t)
		if err := os.WriteFile(filepath.Join(dir, "invalid", "topic.txtar"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := invalid(dir); err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%q: got %v, want %q", text, err, wanted)
		}
	}
	if _, err := invalid(folder(t)); err == nil {
		t.Error("a folder without archives: want an error")
	}
}
