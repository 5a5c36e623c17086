package lockstep

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// ownCore has this goroutine run on one core for as long as it lives, on another one than the
// workers before it if there are so many. Left to itself, a busy system may well keep two workers
// on one core, where they never meet.
func ownCore(worker int) {
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() < 2 {
		return
	}
	n := worker % allowed.Count()
	for cpu := range len(allowed) * 64 {
		if !allowed.IsSet(cpu) {
			continue
		}
		if n == 0 {
			var one unix.CPUSet
			one.Set(cpu)
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			unix.SchedSetaffinity(0, &one)
			return
		}
		n--
	}
}
