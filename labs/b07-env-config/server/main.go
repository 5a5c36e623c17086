// Server is the lab's program, to be tried by hand:
//
//	DATABASE_URL=postgres://shop:pw@localhost/shop API_KEY=k PORT=9000 go run ./labs/b07-env-config/server
package main

import (
	"os"

	config "github.com/backend-labs/backend-labs/labs/b07-env-config"
)

func main() { os.Exit(config.Program()) }
