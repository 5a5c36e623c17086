// Package upsets changes what the check relies on, while it runs.
package upsets

import (
	"encoding/base64"
	"errors"
	"io"
	"os"
	"runtime"
	"time"
)

var (
	ErrA = errors.New("a")
	ErrB = errors.New("b")

	// Calls is no error, and nobody's but the package's own.
	Calls int
)

func Count()       { Calls++ }
func EOF()         { io.EOF = errors.New("no end") }
func UTC()         { *time.UTC = *time.FixedZone("UTC", 3600) }
func Encoding()    { *base64.StdEncoding = *base64.URLEncoding }
func Processors()  { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
func Environment() { os.Setenv("LABS_UPSET", "1") }
func NilError()    { ErrA = nil }
func Swap()        { ErrA, ErrB = ErrB, ErrA }
