package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"bearerauth/e2e/wire"
)

// answer is an example with what it got.
type answer struct {
	example
	got    *wire.Response // nil when there was none
	faults []string
}

const answerTimeout = 30 * time.Second

// ask sends every example to the address.
func ask(ctx context.Context, address string, all []example) []answer {
	answers := make([]answer, len(all))
	for i, e := range all {
		answers[i] = askOne(ctx, address, e)
	}
	return answers
}

func askOne(ctx context.Context, address string, e example) answer {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	got, err := wire.HTTP1(ctx, address, e.request(address))
	if err != nil {
		return answer{example: e, faults: []string{err.Error()}}
	}
	return answer{example: e, got: got, faults: e.faults(got)}
}

func failed(answers []answer) int {
	n := 0
	for _, a := range answers {
		if len(a.faults) > 0 {
			n++
		}
	}
	return n
}

func verdict(good, bad int) string { return fmt.Sprintf("%d passed, %d failed", good, bad) }

// report prints the table. A long 200 body reaches into the last column, which
// it leaves empty.
func report(w io.Writer, address string, answers []answer) {
	command, body := 0, 0
	for _, a := range answers {
		command = max(command, utf8.RuneCountInString(a.curl(address)))
		if a.status == 401 {
			body = max(body, utf8.RuneCountInString(a.body))
		}
	}
	var b strings.Builder
	for i, a := range answers {
		if i > 0 && a.path != answers[i-1].path {
			b.WriteString("\n")
		}
		mark := "✓"
		if len(a.faults) > 0 {
			mark = "✗"
		}
		line := fmt.Sprintf("%s %-*s  ---", mark, command, a.curl(address))
		if a.got != nil {
			line = fmt.Sprintf("%s %-*s  %d %-*s  %s", mark, command, a.curl(address), a.got.Status,
				body, oneLine(a.got.Body), strings.Join(a.got.Header.Values("WWW-Authenticate"), " | "))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, f := range a.faults {
			b.WriteString("    ✗ " + f + "\n")
		}
	}
	_, _ = io.WriteString(w, b.String())
}
