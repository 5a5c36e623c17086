// Server is the lab's program, to be tried by hand:
//
//	ADDR=127.0.0.1:8080 DRAIN_DELAY=5s go run ./labs/i05-graceful-shutdown/server
//
// Ctrl-C is the signal to leave.
package main

import (
	"os"

	shutdown "github.com/backend-labs/backend-labs/labs/i05-graceful-shutdown"
)

func main() { os.Exit(shutdown.Program()) }
