package stacks_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// dump is what runtime.Stack writes, here with a bubble, and with the form that a SIGQUIT gives.
const dump = `SIGQUIT: quit
PC=0x1 m=0 sigcode=0

goroutine 7 [running, synctest bubble 3]:
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

half a line that the program was printing
goroutine 9 gp=0x1 m=nil mp=0x2 [sync.Mutex.Lock]:
sync.(*Mutex).Lock(...)
	/usr/local/go/src/sync/mutex.go:46 +0x1 fp=0x1 sp=0x2 pc=0x3
example.com/course/labs/b01-thing.Lock()
	/home/ada/course/labs/b01-thing/thing.go:50 +0x5f fp=0x1 sp=0x2 pc=0x3

goroutine 10 [running]:
	goroutine running on other thread; stack unavailable

rax    0x0
`

func TestParse(t *testing.T) {
	t.Parallel()
	const pkg, dir = "example.com/course/labs/b01-thing", "/home/ada/course/labs/b01-thing/"
	want := []stacks.Goroutine{
		{
			ID: "7", State: "running, synctest bubble 3", Bubble: "3",
			Frames: []stacks.Frame{{pkg + "_test.TestOne.func1", "0xc000",
				dir + "thing_test.go:20"}},
			Started: stacks.Frame{Func: "testing/synctest.Test",
				Place: "/usr/local/go/src/testing/synctest/synctest.go:282"},
		},
		{
			ID: "8", State: "chan receive (durable), 2 minutes, synctest bubble 3", Bubble: "3",
			Frames: []stacks.Frame{
				{pkg + ".(*T).wait", "...", dir + "thing.go:41"},
				{pkg + ".(*T).loop", "0xc000", dir + "thing.go:30"},
			},
			Started: stacks.Frame{Func: pkg + ".New", Place: dir + "thing.go:12"},
		},
		{
			ID: "9", State: "sync.Mutex.Lock",
			Frames: []stacks.Frame{
				{"sync.(*Mutex).Lock", "...", "/usr/local/go/src/sync/mutex.go:46"},
				{pkg + ".Lock", "", dir + "thing.go:50"},
			},
		},
		{ID: "10", State: "running"},
	}
	got := stacks.Parse(dump)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the stacks differ (-want +got):\n%s", diff)
	}
	for i, want := range []string{
		"a goroutine is running at example.com/course/labs/b01-thing_test.TestOne.func1",
		"a goroutine is waiting to receive from a channel at thing.go:41 (started at thing.go:12)",
		"a goroutine is waiting for a mutex at thing.go:50",
		"a goroutine is running at an unknown place",
	} {
		if got := got[i].Describe(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if at := got[0].InCheck(); at != "thing_test.go:20" {
		t.Errorf("got %q for the check's line", at)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	stop, begun := make(chan bool), make(chan bool)
	defer close(stop)
	for range 500 {
		go func() {
			begun <- true
			<-stop
		}()
		<-begun
	}
	all, whole := stacks.All()
	waiting := 0
	for _, g := range all {
		if strings.HasSuffix(g.Started.Func, ".TestAll") {
			waiting++
		}
	}
	if waiting != 500 || !whole ||
		!all[0].In("github.com/backend-labs/backend-labs/harness/kit/stacks.") {
		t.Errorf("got %d of 500, whole %v, the first %+v", waiting, whole, all[0])
	}
}

func TestIsLab(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]bool{
		"/home/ada/course/labs/b01-thing/thing.go:12":                               true,
		"/home/ada/course/solutions/b01-thing/alternatives/other/thing.go:12":       true,
		"/home/ada/harness/course/labs/b01-thing/thing.go:12":                       true,
		"/home/ada/go/pkg/mod/course/labs/b01-thing/thing.go:12":                    true,
		"/home/ada/course/labs/b01-thing/thing.go:1":                                true,
		"/home/ada/course/labs/b01-thing/zz_labs_begin.go:12":                       false,
		"/home/ada/course/labs/b01-thing/thing_test.go:12":                          false,
		"/home/ada/course/harness/kit/bubble/bubble.go:12":                          false,
		"/home/ada/labs/course/harness/kit/bubble/bubble.go:12":                     false,
		"/home/ada/labs/go/pkg/mod/github.com/redis/go-redis/v9@v9.22.0/pool.go:12": false,
		"/usr/local/go/src/sync/mutex.go:46":                                        false,
		"/home/ada/labs/go/src/sync/mutex.go:46":                                    false,
		"/home/ada/solutions/go/src/sync/mutex.go:46":                               false,
		"/home/ada/labs/backend-labs/cmd/labs/main.go:9":                            false,
		"/home/ada/labs/mod/github.com/redis/go-redis/v9@v9.22.0/pool.go:12":        false,
		"/home/ada/labs/c16-course/labs/b01-thing/thing.go:12":                      true,
		"/home/ada/labs/b01-thing.go:12":                                            false,
		"/home/ada/labs/b1-thing/thing.go:12":                                       false,
		"/home/ada/mylabs/b01-thing/thing.go:12":                                    false,
		"C:/Ada Lovelace/course/labs/b01-thing/area/area.go:12":                     true,
		"/home/ada/labs/b01-thing/course/harness/kit/bubble/bubble.go:12":           false,
		"/home/ada/labs/b01-thing/course/labs/i12-other/other.go:12":                true,
	} {
		if got := stacks.IsLab(place); got != want {
			t.Errorf("%s: got %v, want %v", place, got, want)
		}
	}
}

func TestGoroutine_Doing(t *testing.T) {
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
		"preempted":                               "running",
		"GC assist marking":                       "running",
		"IO wait":                                 "waiting for the network",
		"semacquire (durable), synctest bubble 2": "waiting (semacquire)",
	} {
		if got := (stacks.Goroutine{State: state}).Doing(); got != want {
			t.Errorf("%s: got %q, want %q", state, got, want)
		}
	}
}

// TestGoroutine_Where_noLine is about loops with nothing in them.
func TestGoroutine_Where_noLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ function, place, want string }{
		{"example.com/labs/b01-thing.(*Box).Take", "/c/labs/b01-thing/thing.go:1", "thing.go (in Box.Take)"},
		{"example.com/labs/b01-thing.Box.Take.func1", "/c/labs/b01-thing/thing.go:0", "thing.go (in Box.Take.func1)"},
		{"example.com/labs/b01-thing.New", "/c/labs/b01-thing/thing.go:1", "thing.go (in New)"},
		{"example.com/labs/b01-thing.New", "/c/labs/b01-thing/thing.go:10", "thing.go:10"},
	} {
		g := stacks.Goroutine{Frames: []stacks.Frame{{Func: tt.function, Place: tt.place}}}
		if got := g.Where(); got != tt.want {
			t.Errorf("%s at %s: got %q, want %q", tt.function, tt.place, got, tt.want)
		}
	}
}
