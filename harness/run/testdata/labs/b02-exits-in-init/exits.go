// Package exits ends the process before any test begins.
package exits

import "os"

func init() { os.Exit(0) }

func Nothing() {}
