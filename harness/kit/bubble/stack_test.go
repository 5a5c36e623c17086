package bubble

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump is what runtime.Stack writes, here with a bubble, and with the form that a SIGQUIT gives.
const dump = `goroutine 7 [running, synctest bubble 3]:
example.com/course/labs/b01-thing_test.TestOne.func1(0xc000)
	/home/ada/course/labs/b01-thing/thing_test.go:20 +0x1d
created by testing/synctest.Test in goroutine 6
	/usr/local/go/src/testing/synctest/synctest.go:282 +0x1

goroutine 8 [chan receive (durable), 2 minutes, synctest bubble 3]:
example.com/course/labs/b01-thing.(*T).wait(...)
	/home/ada/course/labs/b01-thing/thing.go:41
example.com/course/labs/b01-thing.(*T).loop(0xc000)
	/home/ada/course/labs/b01-thing/thing.go:30 +0x44
created by example.com/course/labs/b01-thing.New in goroutine 7
	/home/ada/course/labs/b01-thing/thing.go:12 +0x88

goroutine 9 gp=0x1 m=nil mp=0x2 [sync.Mutex.Lock]:
sync.(*Mutex).Lock(...)
	/usr/local/go/src/sync/mutex.go:46 +0x1 fp=0x1 sp=0x2 pc=0x3
example.com/course/labs/b01-thing.Lock()
	/home/ada/course/labs/b01-thing/thing.go:50 +0x5f fp=0x1 sp=0x2 pc=0x3
`

func TestParseStacks(t *testing.T) {
	t.Parallel()
	want := []stack{
		{id: "7", state: "running, synctest bubble 3", bubble: "3", frames: []string{"example.com/course/labs/b01-thing_test.TestOne.func1"}},
		{
			id: "8", state: "chan receive (durable), 2 minutes, synctest bubble 3", bubble: "3", where: "thing.go:41", startedAt: "thing.go:12",
			frames: []string{"example.com/course/labs/b01-thing.(*T).wait", "example.com/course/labs/b01-thing.(*T).loop"},
		},
		{id: "9", state: "sync.Mutex.Lock", where: "thing.go:50", frames: []string{"sync.(*Mutex).Lock", "example.com/course/labs/b01-thing.Lock"}},
	}
	if diff := cmp.Diff(want, parseStacks(dump), cmp.AllowUnexported(stack{})); diff != "" {
		t.Errorf("the stacks differ (-want +got):\n%s", diff)
	}
}

func TestIsLab(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]bool{
		"/home/ada/course/labs/b01-thing/thing.go:1":                               true,
		"/home/ada/course/solutions/b01-thing/alternatives/other/thing.go:1":       true,
		"/home/ada/harness/course/labs/b01-thing/thing.go:1":                       true,
		"/home/ada/go/pkg/mod/course/labs/b01-thing/thing.go:1":                    true,
		"/home/ada/course/labs/b01-thing/thing_test.go:1":                          false,
		"/home/ada/course/harness/kit/bubble/bubble.go:1":                          false,
		"/home/ada/labs/course/harness/kit/bubble/bubble.go:1":                     false,
		"/home/ada/labs/go/pkg/mod/github.com/redis/go-redis/v9@v9.22.0/pool.go:1": false,
		"/usr/local/go/src/sync/mutex.go:46":                                       false,
	} {
		if got := isLab(place); got != want {
			t.Errorf("%s: got %v, want %v", place, got, want)
		}
	}
}

func TestDoing(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"sleep (durable), synctest bubble 1":      "asleep (time.Sleep)",
		"chan receive (nil chan)":                 "waiting to receive from a channel",
		"chan send (durable)":                     "waiting to send on a channel",
		"select (durable), 3 minutes":             "waiting in a select",
		"select (no cases)":                       "waiting in a select",
		"sync.RWMutex.RLock":                      "waiting for a mutex",
		"sync.WaitGroup.Wait (durable)":           "waiting for a sync.WaitGroup",
		"sync.Cond.Wait":                          "waiting for a sync.Cond",
		"runnable":                                "running",
		"IO wait":                                 "waiting (IO wait)",
		"semacquire (durable), synctest bubble 2": "waiting (semacquire)",
	} {
		if got := doing(state); got != want {
			t.Errorf("%s: got %q, want %q", state, got, want)
		}
	}
}

func TestLockWaits(t *testing.T) {
	t.Parallel()
	waiter := stack{id: "1", state: "sync.Mutex.Lock", where: "thing.go:1"}
	sleeper := stack{id: "2", state: "sleep (durable), synctest bubble 1", where: "thing.go:2"}
	check := stack{id: "3", state: "chan receive (durable)"} // none of the lab's code in it
	runner := stack{id: "4", state: "runnable", where: "thing.go:4"}
	waiters, holders := lockWaits([]stack{waiter, sleeper, check})
	if len(waiters) != 1 || waiters[0].id != "1" || len(holders) != 1 || holders[0].id != "2" {
		t.Errorf("got the waiters %+v and the holders %+v", waiters, holders)
	}
	if waiters, _ := lockWaits([]stack{waiter, sleeper, runner}); len(waiters) != 0 {
		t.Errorf("got %+v while something still moves", waiters)
	}
}
