// Package flags tells package testing to leave tests out, or to run them twice.
package flags

import "os"

func init() { os.Args = append(os.Args, "-test.skip=.", "-test.v") }

func Nothing() {}
