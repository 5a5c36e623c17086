package stacks

import (
	"fmt"
	"slices"
	"strings"
)

// Jam is a set of goroutines that wait for mutexes which nobody is going to unlock.
type Jam struct {
	Waiters []Goroutine // wait for a mutex, in the lab's code
	// Holders are what may be holding it: in a call of the lab's code, and blocked, in a bubble
	// durably. With none of them, the waiters wait for themselves, for each other, or for a call
	// that has returned.
	Holders []Goroutine
}

// FindJam looks for one among goroutines that are all there are. While any of them is moving in the
// lab's code, or waits there for something that may still come, such as the network, there is none.
func FindJam(all []Goroutine) (Jam, bool) {
	var j Jam
	for _, g := range all {
		switch {
		case g.Where() == "":
		case g.Locking():
			j.Waiters = append(j.Waiters, g)
		case g.Durable(), g.Bubble == "" && !g.Moves():
			j.Holders = append(j.Holders, g)
		default:
			return Jam{}, false
		}
	}
	return j, len(j.Waiters) > 0
}

// Kinds of jams.
const (
	heldByAnother = iota
	crossed
	lockedTwice
	neverUnlocked
)

func (j Jam) kind() int {
	first := j.Waiters[0]
	switch {
	case j.locks() > 1 && !j.heldAsleep():
		return crossed
	case len(j.Holders) > 0:
		return heldByAnother
	case len(first.Labs()) > 1:
		return lockedTwice
	}
	return neverUnlocked
}

// heldAsleep reports whether one of those that may hold a mutex sleeps or talks to somebody, and
// does not only wait for other goroutines, as whoever has started them does.
func (j Jam) heldAsleep() bool {
	return slices.ContainsFunc(j.Holders, func(g Goroutine) bool {
		return !strings.HasPrefix(g.state(), "chan ") && g.state() != "sync.WaitGroup.Wait"
	})
}

// locks counts the mutexes that are waited for, as far as the stacks show their addresses.
func (j Jam) locks() int {
	seen := map[string]bool{}
	for _, g := range j.Waiters {
		if at := g.lock(); at != "" {
			seen[at] = true
		}
	}
	return len(seen)
}

// lock is the address of the mutex that it waits for, "" if the stack does not show it.
func (g Goroutine) lock() string {
	for _, f := range g.Frames {
		if IsLab(f.Place) {
			return ""
		}
		if strings.Contains(f.Func, "sync.(*Mutex).") ||
			strings.Contains(f.Func, "sync.(*RWMutex).") {
			at, _, _ := strings.Cut(f.Args, ",")
			if at = strings.Trim(at, "{? "); strings.HasPrefix(at, "0x") {
				return at
			}
		}
	}
	return ""
}

// mutex is the type of what it waits for.
func (g Goroutine) mutex() string {
	if g.In("sync.(*RWMutex).") {
		return "sync.RWMutex"
	}
	return "sync.Mutex"
}

// Got says what has jammed.
func (j Jam) Got() string {
	first := j.Waiters[0]
	text := fmt.Sprintf("%s for a mutex, the first at %s", waiting(len(j.Waiters)), first.Where())
	if len(j.Waiters) == 1 {
		text = "a goroutine waits for a mutex at " + first.Where()
	}
	switch j.kind() {
	case heldByAnother:
		return text + ", while its holder is blocked: " + j.Holders[0].Describe()
	case crossed:
		return text + ", and each one's is held by another that waits: the second at " +
			j.Waiters[1].Where()
	case lockedTwice:
		who := "holds it itself"
		if len(j.Waiters) > 1 {
			who = "one of them holds it itself"
		}
		return text + ", and " + who + ", most likely since the call at " +
			Short(first.Labs()[1].Place) + ": a " + first.mutex() + " cannot be locked twice"
	}
	return text + ", and no other goroutine is in a call that could unlock it: the same call has " +
		"locked it before, or an earlier one has returned without unlocking it"
}

// Want says what the lab's code should have done.
func (j Jam) Want() string {
	switch j.kind() {
	case heldByAnother:
		return "no mutex is held across a sleep, a call of somebody else's code, or I/O"
	case crossed:
		return "whoever needs two mutexes takes them in the same order as everybody else"
	case lockedTwice:
		return "a method that holds a mutex calls none that locks it again"
	}
	return "every lock is followed by one unlock, on every way out (defer)"
}

// Why says what it means in production.
func (j Jam) Why() string {
	if j.kind() == heldByAnother {
		return "whoever needs the mutex waits as long as the slowest call made under it: " +
			"the lock turns many callers into a queue of one"
	}
	return "this call never returns, and neither does any later one that needs the mutex"
}

func waiting(n int) string {
	if n == 1 {
		return "1 goroutine waits"
	}
	return fmt.Sprintf("%d goroutines wait", n)
}
