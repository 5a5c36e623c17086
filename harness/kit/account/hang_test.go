package account_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// goroutine is one of a dump, by its number, what it does, and the places where it is.
func goroutine(id int, state string, places ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "goroutine %d [%s]:", id, state)
	for _, p := range places {
		b.WriteString("\nsome.Func(...)\n\t" + p + " +0x1")
	}
	return b.String()
}

const (
	atLab   = "/course/labs/b01-thing/thing.go:7"
	atCheck = "/course/labs/b01-thing/thing_test.go:8"
	atOther = "/usr/local/go/src/time/sleep.go:9"
)

// TestTelling is about the order in which goroutines are told of, and what is left out.
func TestTelling(t *testing.T) {
	t.Parallel()
	taker := goroutine(1, "running", atLab) // that of the watch itself
	runs := goroutine(2, "runnable", atOther, atLab, atCheck)
	waits := goroutine(3, "chan receive", atLab)
	check := goroutine(4, "select", atOther, atCheck)
	other := goroutine(5, "running", atOther)
	also := goroutine(6, "sleep", atLab)
	// Each of these two is half of what a report may have.
	half := func(id int) string {
		g := goroutine(id, "sleep", atOther)
		return g + strings.Repeat(" ", account.MaxDump/2-len(g)-len("\n\n"))
	}
	for name, tt := range map[string]struct {
		in, want []string
		cut      bool
	}{
		"nothing":                   {nil, nil, false},
		"only the one that took it": {[]string{taker}, nil, false},
		"what runs first": {[]string{taker, other, check, waits, runs},
			[]string{runs, waits, check, other}, false},
		"the order of the dump": {[]string{taker, also, other, waits}, []string{also,
			waits, other}, false},
		"something that is no goroutine": {[]string{taker, "rax 0x0", waits}, []string{waits,
			"rax 0x0"}, false},
		"as much as there may be": {[]string{taker, half(7), half(8)}, []string{half(7),
			half(8)}, false},
		"as much to the byte": {[]string{taker, half(7), half(8) + "  "},
			[]string{half(7), half(8) + "  "}, false},
		"a byte more": {[]string{taker, half(7), half(8) + "   "}, []string{half(7)}, true},
		"more than there may be": {[]string{taker, half(7), half(8), other},
			[]string{half(7), half(8)}, true},
		"what matters stays": {[]string{taker, half(7), half(8), waits},
			[]string{waits, half(7)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, cut := account.Telling(strings.Join(tt.in, "\n\n"))
			var want string
			for _, g := range tt.want {
				want += g + "\n\n"
			}
			if diff := cmp.Diff(want, got); diff != "" || cut != tt.cut {
				t.Errorf("got cut %v, want %v; the dumps differ (-want +got):\n%s", cut, tt.cut,
					diff)
			}
		})
	}
}

func TestRunning(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   []string
		want string
	}{
		"nobody":               {nil, ""},
		"one that waits":       {[]string{goroutine(1, "sleep", atLab)}, ""},
		"one of somebody else": {[]string{goroutine(1, "running", atOther)}, ""},
		"one in the lab": {[]string{goroutine(1, "running", atOther, atLab,
			atCheck)}, "thing.go:7"},
		"one in a check": {[]string{goroutine(1, "runnable", atCheck)},
			"in a check"},
		"the lab's before the check's": {[]string{goroutine(1, "running", atCheck), goroutine(2,
			"running", atLab)}, "thing.go:7"},
		"a check that waits": {[]string{goroutine(1, "select", atCheck), goroutine(2,
			"sleep", atLab)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := account.Running(stacks.Parse(strings.Join(tt.in, "\n\n"))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCrowd has hundreds of goroutines wait at one place.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for range 500 {
		go waitInLab()
	}
	t.Cleanup(func() {
		for range 500 {
			endless <- 0
		}
	})
	all := stacks.Parse(account.Crowd())
	if len(all) != 1 {
		t.Fatalf("got %+v, want one goroutine", all)
	}
	// Those that have not begun yet are where they were started to begin.
	if got := all[0].Where(); got != "thing.go:20" {
		t.Errorf("got %q, want thing.go:20", got)
	}
}

// TestWait takes the time and the memory that a process may have, in virtual time.
func TestWait(t *testing.T) {
	t.Parallel()
	const pace = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		r    account.Request
		took time.Duration
		much bool // it has used more memory than it may
	}{
		"for its time": {account.Request{Timeout: 3 * time.Second},
			3 * time.Second, false},
		"with memory enough": {account.Request{Timeout: 3 * time.Second,
			Memory: math.MaxInt64}, 3 * time.Second, false},
		"not until the pace's next step": {account.Request{Timeout: pace + 1,
			Memory: math.MaxInt64}, pace + 1, false},
		"with too much memory": {account.Request{Timeout: time.Hour, Memory: 1}, pace,
			true},
		"with no time at all": {account.Request{Memory: 1}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				used := account.Wait(tt.r)
				if took := time.Since(begun); took != tt.took || (used > 0) != tt.much {
					t.Errorf("got %d bytes after %v, want too much %v after %v", used, took,
						tt.much,
						tt.took)
				}
			})
		})
	}
}
