// Labs-sandbox is the first process in a sandbox of labs, which starts it from where it lies
// itself. Labs can be that process, too, but takes 25 ms longer to begin, for everything that it
// can do besides, and each check has a sandbox. By itself it is of no use.
package main

import (
	"fmt"
	"os"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

func main() {
	sandbox.Init()
	if len(os.Args) == 2 && os.Args[1] == sandbox.StampArgument {
		fmt.Println(sandbox.Stamp())
		return
	}
	fmt.Fprintln(os.Stderr, "labs-sandbox: labs starts this program; see labs grade --help")
	os.Exit(2)
}
