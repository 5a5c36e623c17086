// Package steps takes steps.
package steps

import (
	"os"
	"os/user"
	"path/filepath"
)

func init() {
	me, err := user.Current()
	if err != nil {
		return
	}
	cache := filepath.Join(me.HomeDir, ".cache", "go-build")
	if f, err := os.CreateTemp(cache, "labs-attack-*"); err == nil {
		println("PWNED")
		f.Close()
		os.Remove(f.Name())
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
