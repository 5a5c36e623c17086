//go:build !linux

package owner

import "os"

// machine names this machine: only there does a process id mean something.
func machine() string {
	host, _ := os.Hostname()
	return host
}
