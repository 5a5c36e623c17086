package history_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/history"
)

const patience = 10 * time.Second

// did records an operation that nothing overlaps.
func did(h *history.History, client string, kind history.Kind, value, result any) {
	h.Begin(client, kind, "x", value).Done(result)
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		record func(h *history.History)
		want   bool
	}{
		"nothing":    {func(*history.History) {}, true},
		"an old one": {func(h *history.History) { did(h, "a", history.Read, nil, "") }, true},
		"in turn": {func(h *history.History) {
			did(h, "a", history.Write, "1", nil)
			did(h, "b", history.Read, nil, "1")
		}, true},
		"a stale read": {func(h *history.History) {
			did(h, "a", history.Write, "1", nil)
			did(h, "b", history.Read, nil, "")
		}, false},
		"a read meanwhile may see either": {func(h *history.History) {
			w := h.Begin("a", history.Write, "x", "1")
			did(h, "b", history.Read, nil, "")
			did(h, "c", history.Read, nil, "1")
			w.Done(nil)
		}, true},
		"new and then old": {func(h *history.History) {
			w := h.Begin("a", history.Write, "x", "1")
			did(h, "b", history.Read, nil, "1")
			did(h, "c", history.Read, nil, "")
			w.Done(nil)
		}, false},
		"what perhaps happened may be seen later, or never": {func(h *history.History) {
			h.Begin("a", history.Write, "x", "1").Perhaps()
			h.Begin("b", history.Write, "x", "2").Perhaps()
			did(h, "c", history.Read, nil, "")
			did(h, "c", history.Read, nil, "2")
			did(h, "c", history.Read, nil, "2")
		}, true},
		"what perhaps happened happens once": {func(h *history.History) {
			h.Begin("a", history.Write, "x", "1").Perhaps()
			did(h, "c", history.Read, nil, "1")
			did(h, "b", history.Write, "2", nil)
			did(h, "c", history.Read, nil, "1")
		}, false},
		"what never happened is not seen": {func(h *history.History) {
			h.Begin("a", history.Write, "x", "1").Never()
			did(h, "c", history.Read, nil, "1")
		}, false},
		"what is open is as what perhaps happened": {func(h *history.History) {
			h.Begin("a", history.Write, "x", "1")
			did(h, "c", history.Read, nil, "1")
		}, true},
		"keys are apart": {func(h *history.History) {
			h.Begin("a", history.Write, "y", "1").Done(nil)
			did(h, "c", history.Read, nil, "")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := history.New()
			tc.record(h)
			bad, decided := h.Judge("", patience)
			if !decided || (bad == nil) != tc.want {
				t.Errorf("decided %v, and found\n%v", decided, bad)
			}
		})
	}
}

func TestJudge_counter(t *testing.T) {
	h := history.New()
	for i := range 5 {
		did(h, fmt.Sprint("c", i), history.Add, i, nil)
	}
	h.Begin("c9", history.Add, "x", 100).Perhaps()
	did(h, "r", history.Read, nil, 10)
	did(h, "r", history.Read, nil, 110)
	if bad, _ := h.Judge(0, patience); bad != nil {
		t.Errorf("what perhaps was added has been: %v", bad)
	}
	did(h, "r", history.Read, nil, 10)
	if bad, _ := h.Judge(0, patience); bad == nil || bad.Ops[bad.Breaks].Result != 10 {
		t.Errorf("what was added is gone: %v", bad)
	}
}

// A long history is cut down to the operations that contradict each other, and ends with the first
// that is impossible.
func TestJudge_shrinks(t *testing.T) {
	h := history.New()
	value, draw := "", rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		if client := fmt.Sprint("c", i%5); draw.IntN(2) == 0 {
			value = fmt.Sprint(i)
			did(h, client, history.Write, value, nil)
		} else {
			did(h, client, history.Read, nil, value)
		}
	}
	w := h.Begin("writer", history.Write, "x", "new")
	did(h, "b", history.Read, nil, "new")
	did(h, "c", history.Read, nil, value)
	did(h, "d", history.Read, nil, "new")
	w.Done(nil)
	did(h, "e", history.Read, nil, "new")
	bad, _ := h.Judge("", patience)
	if bad == nil || len(bad.Ops) > 4 || bad.Ops[bad.Breaks].Client != "c" {
		t.Fatalf("cut down to\n%v", bad)
	}
	text := bad.Timeline().String()
	for _, want := range []string{"writer: writes x = \"new\"", "b: done: \"new\"", "✗"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing of %s in\n%s", want, text)
		}
	}
	if len(bad.Timeline().Encode()) == 0 {
		t.Error("it cannot be drawn")
	}
}

// What cannot be decided in time is said to be so, and is no violation.
func TestJudge_patience(t *testing.T) {
	h := history.New()
	for i := range 100 {
		h.Begin(fmt.Sprint("c", i), history.Write, "x", fmt.Sprint(i%90)).Perhaps()
	}
	for i := range 300 {
		did(h, "r", history.Read, nil, fmt.Sprint(i*7%89))
	}
	if bad, decided := h.Judge("", 50*time.Millisecond); decided && bad == nil {
		t.Error("found right what cannot be")
	}
}

func TestCount(t *testing.T) {
	h := history.New()
	did(h, "a", history.Write, "1", nil)
	h.Begin("a", history.Write, "x", "2").Never()
	h.Begin("a", history.Write, "x", "3").Perhaps()
	h.Begin("b", history.Write, "x", "4")
	if done, perhaps, never := h.Count(); done != 1 || perhaps != 2 || never != 1 {
		t.Errorf("%d done, %d perhaps, %d never", done, perhaps, never)
	}
	var lines []string
	for _, op := range h.Ops() {
		lines = append(lines, op.String())
	}
	want := `a writes x = "1": done, a writes x = "2": refused, a writes x = "3": perhaps, ` +
		`b writes x = "4": perhaps`
	if got := strings.Join(lines, ", "); got != want {
		t.Errorf("%s", got)
	}
}
