// Package steps takes steps.
package steps

import (
	"os"
	"syscall"
	"time"
)

func init() {
	if os.Getenv("LABS_ATTACK") == "daemon" {
		time.Sleep(20 * time.Second)
		os.Exit(0)
	}
	os.StartProcess(os.Args[0], os.Args[:1], &os.ProcAttr{
		Env: []string{"LABS_ATTACK=daemon"}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}

// Next is wrong.
func Next(n int) int { return 0 }
