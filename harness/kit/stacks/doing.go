package stacks

import "strings"

// state is what it waits for, without how long and where.
func (g Goroutine) state() string {
	state, _, _ := strings.Cut(g.State, ",")
	return strings.TrimSuffix(strings.TrimSpace(state), " (durable)")
}

// Moves reports whether it can go on, as far as the runtime knows.
func (g Goroutine) Moves() bool {
	switch g.state() {
	case "running", "runnable", "syscall", "copystack", "preempted", "waiting for GC":
		return true
	}
	return strings.HasPrefix(g.state(), "GC ")
}

// Durable reports whether only its own bubble can wake it: a sleep, a channel, a wait group.
func (g Goroutine) Durable() bool { return strings.Contains(g.State, "(durable)") }

// Locking reports whether it waits for a mutex.
func (g Goroutine) Locking() bool {
	switch g.state() {
	case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
		return true
	}
	return false
}

// Doing translates the runtime's words for what a goroutine waits for.
func (g Goroutine) Doing() string {
	if g.Moves() {
		return "running"
	}
	switch state := g.state(); state {
	case "chan receive", "chan receive (nil chan)":
		return "waiting to receive from a channel"
	case "chan send", "chan send (nil chan)":
		return "waiting to send on a channel"
	case "select", "select (no cases)":
		return "waiting in a select"
	case "sleep":
		return "asleep (time.Sleep)"
	case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
		return "waiting for a mutex"
	case "sync.WaitGroup.Wait":
		return "waiting for a sync.WaitGroup"
	case "sync.Cond.Wait":
		return "waiting for a sync.Cond"
	case "IO wait":
		return "waiting for the network"
	default:
		return "waiting (" + state + ")"
	}
}
