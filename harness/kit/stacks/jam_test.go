package stacks_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// at is a goroutine in that state, with calls at these places, innermost first.
func at(state string, places ...string) stacks.Goroutine {
	g := stacks.Goroutine{State: state}
	for _, p := range places {
		fn, place, _ := strings.Cut(p, " ")
		name, args, _ := strings.Cut(fn, "|")
		g.Frames = append(g.Frames, stacks.Frame{Func: name, Args: args, Place: place})
	}
	if strings.Contains(state, "bubble") {
		g.Bubble = "1"
	}
	return g
}

const lab = "/c/labs/b01-thing/thing.go"

func TestFindJam(t *testing.T) {
	t.Parallel()
	const bubble = ", synctest bubble 1"
	waiter := at("sync.Mutex.Lock"+bubble, "internal/sync.(*Mutex).lockSlow|0xc1? /go/mutex.go:5",
		"x.Get "+lab+":10")
	inner := at("sync.Mutex.Lock"+bubble, "internal/sync.(*Mutex).lockSlow|0xc1 /go/mutex.go:5",
		"x.AllowN "+lab+":30",
		"x.Allow "+lab+":46", "x_test.T /c/labs/b01-thing/thing_test.go:9")
	reader := at("sync.RWMutex.RLock"+bubble, "sync.(*RWMutex).RLock|... /go/rwmutex.go:5",
		"x.Len "+lab+":31", "x.Get "+lab+":47")
	other := at("sync.Mutex.Lock"+bubble,
		"internal/sync.(*Mutex).lockSlow|0xc2, 0x1 /go/mutex.go:5", "x.Put "+lab+":20")
	sleeper := at("sleep (durable)"+bubble, "time.Sleep /go/time.go:5", "x.Get "+lab+":12")
	check := at("chan receive (durable)"+bubble, "x_test.T /c/labs/b01-thing/thing_test.go:9")
	network := at("IO wait"+bubble, "net.Read /go/net.go:5", "x.Get "+lab+":13")
	mover := at("runnable"+bubble, "x.Get "+lab+":14")
	outside := at("chan receive", "x.Get "+lab+":15")

	for _, tt := range []struct {
		name string
		all  []stacks.Goroutine
		got  string // none if empty
	}{
		{"nobody waits for a mutex", []stacks.Goroutine{sleeper, check}, ""},
		{"a sleeper holds it", []stacks.Goroutine{check, waiter, sleeper},
			"a goroutine waits for a mutex at thing.go:10, while its holder is blocked: a " +
				"goroutine is asleep (time.Sleep) at thing.go:12"},
		{"several wait", []stacks.Goroutine{waiter, waiter, sleeper},
			"2 goroutines wait for a mutex, the first at thing.go:10, while its holder is " +
				"blocked: a goroutine is asleep (time.Sleep) at thing.go:12"},
		{"somebody still moves", []stacks.Goroutine{waiter, sleeper, mover}, ""},
		{"the network may still answer", []stacks.Goroutine{waiter, network}, ""},
		{"outside of bubbles, whoever waits is blocked", []stacks.Goroutine{waiter, outside},
			"a goroutine waits for a mutex at thing.go:10, while its holder is blocked: a " +
				"goroutine is waiting to receive from a channel at thing.go:15"},
		{"a method calls one that locks again", []stacks.Goroutine{check, inner},
			"a goroutine waits for a mutex at thing.go:30, and holds it itself, most likely " +
				"since the call at thing.go:46: a sync.Mutex cannot be locked twice"},
		{"several of them", []stacks.Goroutine{inner, inner},
			"2 goroutines wait for a mutex, the first at thing.go:30, and one of them holds it " +
				"itself, most likely since the call at thing.go:46: a sync.Mutex cannot be " +
				"locked twice"},
		{"a reader under the writer's lock", []stacks.Goroutine{check, reader},
			"a goroutine waits for a mutex at thing.go:31, and holds it itself, most likely " +
				"since the call at thing.go:47: a sync.RWMutex cannot be locked twice"},
		{"in opposite orders", []stacks.Goroutine{check, waiter, other, at("sync.WaitGroup.Wait (durable)"+bubble, "sync.Wait /go/wg.go:5", "x.All "+lab+":50")},
			"2 goroutines wait for a mutex, the first at thing.go:10, and each one's is held by " +
				"another that waits: the second at thing.go:20"},
		{"never unlocked", []stacks.Goroutine{check, waiter},
			"a goroutine waits for a mutex at thing.go:10, and no other goroutine is in a call " +
				"that could unlock it: the same call has locked it before, or an earlier one " +
				"has returned without unlocking it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			jam, ok := stacks.FindJam(tt.all)
			if ok != (tt.got != "") {
				t.Fatalf("got %+v, %v, want %q", jam, ok, tt.got)
			}
			if ok && jam.Got() != tt.got {
				t.Errorf("got\n\t%s\nwant\n\t%s", jam.Got(), tt.got)
			}
			if ok && (jam.Want() == "" || jam.Why() == "") {
				t.Error("want what should be, and why")
			}
		})
	}
}
