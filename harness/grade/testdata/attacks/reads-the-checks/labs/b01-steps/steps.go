// Package steps takes steps.
package steps

import (
	"os"
	"path/filepath"
	"runtime"
)

func init() {
	_, file, _, _ := runtime.Caller(0)
	for _, dir := range []string{filepath.Dir(file), "../labs/b01-steps", os.Getenv("PWD")} {
		if found, _ := filepath.Glob(filepath.Join(dir, "*_test.go")); len(found) > 0 {
			println("PWNED")
		}
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
