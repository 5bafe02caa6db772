package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

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

// report prints a part of the table. A refusal's row has the detail of its body
// and the error code of its challenge; all of both is checked.
func report(w io.Writer, title string, answers []answer) {
	path, credentials := 0, 0
	for _, a := range answers {
		path = max(path, len(a.path))
		credentials = max(credentials, len(a.credentials()))
	}
	fmt.Fprintf(w, "%s\n", title)
	for _, a := range answers {
		mark := "✓"
		if len(a.faults) > 0 {
			mark = "✗"
		}
		row := fmt.Sprintf("%s %-*s  %-*s  %s", mark, path, a.path, credentials, a.credentials(), a.shown())
		fmt.Fprintln(w, strings.TrimRight(row, " "))
		for _, f := range a.faults {
			fmt.Fprintln(w, "    ✗ "+f)
		}
	}
	fmt.Fprintln(w)
}

func (a answer) credentials() string {
	if a.authorization == "" {
		return "none"
	}
	if strings.HasSuffix(a.authorization, " ") {
		return fmt.Sprintf("%q", a.authorization)
	}
	return a.authorization
}

// shown is the answer in one line.
func (a answer) shown() string {
	if a.got == nil {
		return "---"
	}
	var refusal struct{ Detail string }
	if a.got.Status < 400 || json.Unmarshal([]byte(a.got.Body), &refusal) != nil {
		return fmt.Sprintf("%d  %s", a.got.Status, oneLine(a.got.Body))
	}
	return fmt.Sprintf("%d  %-34s  %s", a.got.Status, refusal.Detail, codeOf(a.got.Header.Get("WWW-Authenticate")))
}
