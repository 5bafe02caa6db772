package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bearerauth/filter/pages"
	"bearerauth/filter/policy/verdict"
)

const docsRoot = "../.."

func readPages(t *testing.T) []pages.Page {
	t.Helper()
	all, err := pages.Load(docsRoot)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func pageNamed(t *testing.T, path string) pages.Page {
	t.Helper()
	page, err := pages.Read(docsRoot, path)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestDocsConfigurations: every configuration that the documents show is
// accepted. A block of "json fragment" has some top-level members only: it is
// completed by a provider, if it has none.
func TestDocsConfigurations(t *testing.T) {
	t.Parallel()
	blocks := pages.Blocks(readPages(t), "json", "json fragment")
	if len(blocks) < 20 {
		t.Fatalf("found %d configurations, want at least 20", len(blocks))
	}
	environment := func(string) (string, bool) { return "not a secret", true }
	for _, block := range blocks {
		if block.Info == "json" {
			if _, err := ParseWith([]byte(block.Text), environment); err != nil {
				t.Errorf("%s: %v\n%s", block, err, block.Text)
			}
			continue
		}
		if _, err := ParseWith([]byte(block.Text), environment); err == nil {
			t.Errorf("%s: no fragment, but a whole configuration", block)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(block.Text), &members); err != nil {
			t.Errorf("%s: %v", block, err)
			continue
		}
		members["providers"] = json.RawMessage(`{"clients": {"type": "static", "tokens": [{"sha256": "` + strings.Repeat("0", 64) + `"}]}}`)
		whole, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseWith(whole, environment); err != nil {
			t.Errorf("%s: %v\n%s", block, err, block.Text)
		}
	}
}

var clientStatus = regexp.MustCompile(`\*\*Client:\*\* (\d+)`)

// TestDocsReasons: every reason has a section in the page on troubleshooting,
// and refusals say there what the client sees.
func TestDocsReasons(t *testing.T) {
	t.Parallel()
	sections := map[string]string{}
	for _, section := range strings.Split(pageNamed(t, "docs/troubleshooting.md").Text, "\n### `")[1:] {
		word, text, _ := strings.Cut(section, "`\n")
		sections[word], _, _ = strings.Cut(text, "\n## ")
	}
	for reason := range verdict.Reason(verdict.NumReasons) {
		text, ok := sections[reason.String()]
		if !ok {
			t.Errorf("docs/troubleshooting.md has no section on %s", reason)
		}
		delete(sections, reason.String())
		if reason.Decision() != "deny" {
			continue
		}
		for _, part := range []string{"- **Client:** ", "- **Causes:** ", "- **Check:** "} {
			if !strings.Contains(text, "\n"+part) {
				t.Errorf("docs/troubleshooting.md, %s: no %q", reason, part)
			}
		}
		if status := clientStatus.FindStringSubmatch(text); status == nil {
			t.Errorf("docs/troubleshooting.md, %s: no status", reason)
		} else {
			if got := verdict.Effects[reason].Status; strconv.Itoa(int(got)) != status[1] {
				t.Errorf("docs/troubleshooting.md, %s: status %s, the filter answers %d", reason, status[1], got)
			}
		}
	}
	for word := range sections {
		t.Errorf("docs/troubleshooting.md explains %s, which is no reason", word)
	}
}

// TestDocsMetrics: every metric of the filter has a row in the page on
// operating, and the documents name no other.
func TestDocsMetrics(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`\bbearerauth_[a-z_]+_(?:total|seconds)\b`)
	sources, err := filepath.Glob(docsRoot + "/filter/*.go")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(source, "_test.go") {
			for _, found := range name.FindAllString(string(text), -1) {
				defined[found] = true
			}
		}
	}
	if len(defined) < 7 {
		t.Fatalf("found %d metrics in the filter's source, want at least 7", len(defined))
	}
	operating := pageNamed(t, "docs/operating.md").Text
	for metric := range defined {
		if !strings.Contains(operating, "\n| `"+metric+"` |") {
			t.Errorf("docs/operating.md has no row for %s", metric)
		}
	}
	for _, page := range readPages(t) {
		text := page.Text
		for _, block := range page.Blocks {
			text += block.Text
		}
		for _, found := range name.FindAllString(text, -1) {
			if !defined[found] {
				t.Errorf("%s names the metric %s, which the filter does not have", page.Path, found)
			}
		}
	}
}

// TestDocsMembers: some page names every member of the configuration.
func TestDocsMembers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(docsRoot + "/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, page := range readPages(t) {
		text.WriteString(page.Text)
		for _, block := range page.Blocks {
			text.WriteString(block.Text)
		}
	}
	names := members(schema)
	if len(names) < 100 {
		t.Fatalf("found %d members in the schema, want at least 100", len(names))
	}
	for _, name := range names {
		if !strings.Contains(text.String(), "`"+name+"`") && !strings.Contains(text.String(), `"`+name+`"`) {
			t.Errorf("no page names the member %s", name)
		}
	}
}

// members are the names under every "properties" of a schema, each once.
func members(schema any) (names []string) {
	switch node := schema.(type) {
	case []any:
		for _, child := range node {
			names = append(names, members(child)...)
		}
	case map[string]any:
		for key, child := range node {
			properties, ok := child.(map[string]any)
			if ok && key == "properties" {
				if properties["kty"] != nil || properties["k"] != nil {
					continue // a JSON Web Key, which RFC 7517 documents
				}
				for name := range properties {
					names = append(names, name)
				}
			}
			names = append(names, members(child)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestDocsLinks: what the documents link to inside the repository is there.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	all := readPages(t)
	for _, path := range []string{"RATIONALE.md", "CHANGELOG.md", "e2e/bench/RESULTS.md"} {
		all = append(all, pageNamed(t, path))
	}
	seen := 0
	for _, page := range all {
		for _, link := range page.Links() {
			if strings.HasPrefix(link, "https://") {
				continue
			}
			seen++
			target, fragment, _ := strings.Cut(link, "#")
			path := page.Path
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(page.Path), target))
			}
			if _, err := os.Stat(filepath.Join(docsRoot, path)); err != nil {
				t.Errorf("%s links to %s: %v", page.Path, link, err)
				continue
			}
			if fragment != "" && !pageNamed(t, path).Anchors()[fragment] {
				t.Errorf("%s links to %s, which has no such heading", page.Path, link)
			}
		}
	}
	if seen < 50 {
		t.Errorf("found %d links, want at least 50", seen)
	}
	for _, page := range all[:len(all)-3] {
		if page.Path != "README.md" && !slices.Contains(pageNamed(t, "README.md").Links(), page.Path) {
			t.Errorf("README.md does not link to %s", page.Path)
		}
	}
}

// TestReadmeIsAFrontDoor: it stays short, and its first screen names what the
// filter is chosen for.
func TestReadmeIsAFrontDoor(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(docsRoot + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) > 150 {
		t.Errorf("README.md has %d lines, want at most 150: docs/ takes the rest", len(lines))
	}
	screen := strings.ToLower(strings.Join(lines[:25], "\n"))
	for _, word := range []string{"jwt", "oidc discovery", "introspection", "revocation", "mcp", "shadow rules"} {
		if !strings.Contains(screen, word) {
			t.Errorf("the first screen of README.md does not name %q", word)
		}
	}
}
