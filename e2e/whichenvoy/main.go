// Whichenvoy prints the path of the Envoy that tests and demo use, and obtains
// it first if need be. A Makefile calls it because `go test ./...` hides what
// passing packages print: the box that says that tests were skipped.
package main

import (
	"fmt"
	"os"

	"bearerauth/e2e/envoy"
)

func main() {
	binary, err := envoy.Find()
	if err != nil {
		envoy.PrintMissing(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(binary.Path)
}
