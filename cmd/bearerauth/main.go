// Command bearerauth checks and tests configurations of the filter, with the code that
// decides in the proxy.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
