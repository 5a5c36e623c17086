//go:build !unix

package shop

import (
	"runtime/metrics"
	"time"
)

// cpu is about how much of it this process has used.
func cpu() time.Duration {
	s := []metrics.Sample{{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"}}
	metrics.Read(s)
	return time.Duration((s[0].Value.Float64() - s[1].Value.Float64()) * 1e9)
}
