package pages

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.md", "# A `b_c` - D!\n\nsee [x](y.md#z).\n\n- item:\n\n  ```json fragment\n  {\n    \"[a](b)\": 1\n  }\n  ```\n")
	page, err := Read(dir, "a.md")
	if err != nil {
		t.Fatal(err)
	}
	want := Block{Page: "a.md", Line: 7, Info: "json fragment", Text: "{\n  \"[a](b)\": 1\n}\n"}
	if len(page.Blocks) != 1 || page.Blocks[0] != want {
		t.Errorf("blocks %+v, want %+v", page.Blocks, want)
	}
	if got := Blocks([]Page{page}, "json", "json fragment"); len(got) != 1 {
		t.Errorf("blocks by info: %+v", got)
	}
	if got := page.Links(); !slices.Equal(got, []string{"y.md#z"}) {
		t.Errorf("links %q: those in blocks are none", got)
	}
	if !page.Anchors()["a-b_c---d"] {
		t.Errorf("anchors %v", page.Anchors())
	}
	write("b.md", "```sh\nx\n")
	if _, err := Read(dir, "b.md"); err == nil {
		t.Error("want an error for a block without an end")
	}
	if _, err := Load(dir); err == nil {
		t.Error("want an error where there are no pages: tests of none show nothing")
	}
}
