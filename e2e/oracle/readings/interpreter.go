// Package readings asks URL parsers and servers how they read request targets that the
// filter has judged. A target must not lead to a path that a rule protects unless that
// rule has bound it, nor outside of the path that a rule opened.
package readings

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed parsers.mjs parsers.py Parsers.java
var sources embed.FS

// An interpreter runs parsers of one language.
type interpreter struct{ command, source string }

var interpreters = []interpreter{{"node", "parsers.mjs"}, {"python3", "parsers.py"}, {"java", "Parsers.java"}}

// answers are, by parser, what it makes of each of some targets.
type answers map[string][]answer

// answer is the path that a parser sees, unless it refuses the target.
type answer struct {
	path string
	ok   bool
}

func (i interpreter) ask(dir string, targets []string) (answers, error) {
	source, err := sources.ReadFile(i.source)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, i.source)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return nil, err
	}
	var in, out, problems bytes.Buffer
	for _, target := range targets {
		in.WriteString(hex.EncodeToString([]byte(target)))
		in.WriteByte('\n')
	}
	command := exec.Command(i.command, file)
	command.Stdin, command.Stdout, command.Stderr = &in, &out, &problems
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", i.command, err, &problems)
	}
	return readAnswers(&out, len(targets))
}

func readAnswers(out *bytes.Buffer, targets int) (answers, error) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	names := strings.Split(lines.Text(), "\t")
	all := answers{}
	for range targets {
		if !lines.Scan() {
			return nil, errors.New("want an answer to each target")
		}
		row := strings.Split(lines.Text(), " ")
		if len(row) != len(names) {
			return nil, fmt.Errorf("want %d answers to a target, have %q", len(names), lines.Text())
		}
		for k, word := range row {
			encoded, ok := strings.CutPrefix(word, "x")
			path, err := hex.DecodeString(encoded)
			if ok && err != nil {
				return nil, err
			}
			all[names[k]] = append(all[names[k]], answer{string(path), ok})
		}
	}
	return all, nil
}
