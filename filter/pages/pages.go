// Package pages reads the documents of the repository for tests: their code
// blocks, headings and links. It is not part of the built module.
package pages

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Page is one Markdown file.
type Page struct {
	Path   string // from the repository's root
	Text   string // without code blocks
	Blocks []Block
}

// Block is a fenced code block.
type Block struct {
	Page string
	Line int
	Info string // what follows the opening fence: json, yaml, sh …
	Text string // without the indentation of the fence
}

func (b Block) String() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

// Load reads README.md and docs/*.md below root.
func Load(root string) ([]Page, error) {
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("want pages in " + filepath.Join(root, "docs") + ", found none")
	}
	var all []Page
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		page, err := Read(root, filepath.ToSlash(relative))
		if err != nil {
			return nil, err
		}
		all = append(all, page)
	}
	return all, nil
}

// Read reads one page. A block that does not end is an error.
func Read(root, path string) (Page, error) {
	raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return Page{}, err
	}
	page := Page{Path: path}
	var text strings.Builder
	open, indent := -1, ""
	for i, line := range strings.Split(string(raw), "\n") {
		inner := strings.TrimLeft(line, " ")
		fence, fenced := strings.CutPrefix(inner, "```")
		switch {
		case fenced && open < 0:
			open, indent = len(page.Blocks), line[:len(line)-len(inner)]
			page.Blocks = append(page.Blocks, Block{Page: path, Line: i + 1, Info: strings.TrimSpace(fence)})
		case fenced:
			open = -1
		case open >= 0:
			page.Blocks[open].Text += strings.TrimPrefix(line, indent) + "\n"
		default:
			text.WriteString(line + "\n")
		}
	}
	if open >= 0 {
		return Page{}, fmt.Errorf("%s: the block does not end", page.Blocks[open])
	}
	page.Text = text.String()
	return page, nil
}

// Blocks are those of all pages whose info is one of these.
func Blocks(all []Page, infos ...string) (found []Block) {
	for _, page := range all {
		for _, block := range page.Blocks {
			for _, info := range infos {
				if block.Info == info {
					found = append(found, block)
				}
			}
		}
	}
	return found
}

// Anchors are the fragments that the page's headings have on GitHub.
func (p Page) Anchors() map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(p.Text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		anchors[anchor(strings.TrimSpace(title))] = true
	}
	return anchors
}

func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, title)
}

// Links are the targets of the page's links, in order.
func (p Page) Links() (targets []string) {
	for rest := p.Text; ; {
		_, after, ok := strings.Cut(rest, "](")
		if !ok {
			return targets
		}
		target, more, _ := strings.Cut(after, ")")
		targets = append(targets, target)
		rest = more
	}
}
