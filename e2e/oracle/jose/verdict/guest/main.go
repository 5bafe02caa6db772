// Guest answers questions of package verdict, one a line, from stdin to stdout. It
// is compiled by TinyGo and run in wazero.
package main

import (
	"bufio"
	"fmt"
	"os"

	"bearerauth/e2e/oracle/jose/verdict"
)

func main() {
	questions := bufio.NewScanner(os.Stdin)
	questions.Buffer(nil, 1<<20)
	for questions.Scan() {
		fmt.Println(verdict.Of(questions.Text()))
	}
	if err := questions.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
