package revocation

import (
	"strings"
	"testing"
)

// TestEntityTag: only a valid entity tag is sent back.
func TestEntityTag(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		`"a"`: `"a"`, `""`: `""`, `W/"a"`: `W/"a"`, `a`: "", `"a`: "", `w/"a"`: "", "\"a\nb\"": "", `"a b"`: "", `"a","b"`: "", "": "", `"`: "", "W/": "",
		`"` + strings.Repeat("a", 600) + `"`: "", "\"\xe9\"": "",
	} {
		if got := entityTag([][2]string{{"etag", tag}}); got != want {
			t.Errorf("etag %q is sent back as %q, want %q", tag, got, want)
		}
	}
}
