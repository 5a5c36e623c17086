// Package steps takes steps.
package steps

import (
	"os"
	"time"
)

func init() {
	if os.Getenv("LABS_ATTACK") == "child" {
		time.Sleep(5 * time.Second)
		os.Exit(0)
	}
	started := 0
	for range 600 {
		p, err := os.StartProcess(os.Args[0], os.Args[:1], &os.ProcAttr{Env: []string{"LABS_ATTACK=child"}})
		if err != nil {
			break
		}
		defer p.Kill()
		started++
	}
	if started == 600 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
