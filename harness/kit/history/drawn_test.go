package history_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/history"
)

// counted is a history that no counter can have: one was added, one perhaps, one is being added, and
// four are there.
func counted(t *testing.T) *history.Violation {
	t.Helper()
	h := history.New()
	synctest.Test(t, func(*testing.T) {
		h.Begin("d", history.Add, "x", 1)
		a := h.Begin("a", history.Add, "x", 1)
		b := h.Begin("b", history.Add, "x", 1)
		time.Sleep(time.Millisecond)
		a.Done(nil)
		b.Perhaps()
		c := h.Begin("c", history.Read, "x", nil)
		time.Sleep(time.Second)
		c.Done(4)
	})
	bad, _ := h.Judge(0, patience)
	if bad == nil {
		t.Fatal("got no violation")
	}
	return bad
}

func TestViolation_String(t *testing.T) {
	const want = `  +0s to +0s d adds 1 to x: perhaps
  +0s to +1ms a adds 1 to x: done
  +0s to +1ms b adds 1 to x: perhaps
✗ +1ms to +1.001s c reads x: 4
`
	bad := counted(t)
	if diff := cmp.Diff(want, bad.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if bad.Key != "x" {
		t.Errorf("got the key %q, want x", bad.Key)
	}
}

// TestViolation_Timeline has a lane for each client, and no end of what has none.
func TestViolation_Timeline(t *testing.T) {
	const want = `  +0s d: adds 1 to x
  +0s a: adds 1 to x
  +0s b: adds 1 to x
  +1ms a: done: ✓
  +1ms b: done: ?
  +1ms c: reads x
✗ +1.001s c: done: 4
`
	tl := counted(t).Timeline()
	if diff := cmp.Diff(want, tl.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := tl.Picture(); !p.Virtual || strings.Join(p.Lanes, " ") != "d a b c" {
		t.Errorf("got the lanes %q, virtual %v, want d a b c and true", p.Lanes, p.Virtual)
	}
}

// TestJudge_keys gives the violation of the first key by name, whatever came first.
func TestJudge_keys(t *testing.T) {
	h := history.New()
	for _, key := range []string{"z", "y", "good"} {
		h.Begin("a", history.Write, key, "1").Done(nil)
		result := "2"
		if key == "good" {
			result = "1"
		}
		h.Begin("b", history.Read, key, nil).Done(result)
	}
	if bad, decided := h.Judge("", patience); bad == nil || !decided || bad.Key != "y" ||
		len(bad.Ops) != 1 {
		t.Errorf("got decided %v, and\n%v\nwant the read of y alone", decided, bad)
	}
}

// TestJudge_adds leaves nothing out that a sum is made of.
func TestJudge_adds(t *testing.T) {
	h := history.New()
	did(h, "a", history.Write, 5, nil)
	did(h, "b", history.Add, 1, nil)
	did(h, "c", history.Read, nil, 6)
	did(h, "b", history.Add, 2, nil)
	did(h, "c", history.Read, nil, 6)
	bad, _ := h.Judge(0, patience)
	if bad == nil || len(bad.Ops) != 4 || bad.Ops[0].Kind != history.Write || bad.Breaks != 3 {
		t.Errorf("got\n%v\nwant the write, what was added to it, and the last read", bad)
	}
}

// TestJudge_noPatience decides nothing where there is no time for it, not even what is plain to see.
func TestJudge_noPatience(t *testing.T) {
	h := history.New()
	did(h, "b", history.Read, nil, "1")
	if bad, decided := h.Judge("", 0); bad != nil || decided {
		t.Errorf("got decided %v, and\n%v\nwant nothing", decided, bad)
	}
}

// TestJudge_bubble refuses to wait for a time that never comes.
func TestJudge_bubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if said, _ := recover().(string); !strings.Contains(said, "in a bubble") {
				t.Errorf("got %q, want a panic that says where it may not be called", said)
			}
		}()
		history.New().Judge("", patience)
	})
}

func TestOp_String(t *testing.T) {
	h := history.New()
	h.Begin("a", history.Read, "x", nil).Done("")
	h.Begin("a", history.Read, "x", nil).Done(7)
	h.Begin("a", history.Read, "x", nil).Perhaps()
	h.Begin("a", history.Add, "x", -1).Never()
	want := []string{`a reads x: ""`, "a reads x: 7", "a reads x: perhaps", "a adds -1 to x: refused"}
	for i, op := range h.Ops() {
		if op.String() != want[i] {
			t.Errorf("got %s, want %s", op, want[i])
		}
	}
}
