package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// echo answers with the question and the node that has answered.
func echo(n *simnet.Network[int], node int, calls *counter) {
	n.Handle(node, func(from int, m any) any {
		calls.add()
		return fmt.Sprint(m, " of ", from, " at ", node)
	})
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func (c *counter) get() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// asked calls and returns the answer and how long it took.
func asked(t *testing.T, n *simnet.Network[int], from, to int) (any, time.Duration, error) {
	t.Helper()
	began := time.Now()
	answer, err := n.Call(within(t, time.Second), from, to, "q")
	return answer, time.Since(began), err
}

func TestCall_answers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, calls := simnet.New[int](t), &counter{}
		echo(n, 1, calls)
		n.Rule(func(leg simnet.Leg[int]) simnet.Fate {
			if leg.Answer {
				return simnet.Fate{After: 30 * time.Millisecond}
			}
			return simnet.Fate{After: 20 * time.Millisecond}
		})
		answer, took, err := asked(t, n, 0, 1)
		if answer != "q of 0 at 1" || took != 50*time.Millisecond || err != nil {
			t.Errorf("%v, %v, %v", answer, took, err)
		}
		if answer, took, err = asked(t, n, 1, 1); answer != "q of 1 at 1" || took != 0 || err != nil {
			t.Errorf("to itself: %v, %v, %v", answer, took, err)
		}
		if q, a := n.Sent(); q != 1 || a != 1 {
			t.Errorf("%d questions and %d answers were sent, want one each", q, a)
		}
	})
}

func TestCall_lost(t *testing.T) {
	for name, lose := range map[string]func(n *simnet.Network[int]){
		"the question": func(n *simnet.Network[int]) {
			n.Rule(func(leg simnet.Leg[int]) simnet.Fate { return simnet.Fate{Lost: !leg.Answer} })
		},
		"the answer": func(n *simnet.Network[int]) {
			n.Rule(func(leg simnet.Leg[int]) simnet.Fate { return simnet.Fate{Lost: leg.Answer} })
		},
		"in a cut": func(n *simnet.Network[int]) { n.Split([]int{0}, []int{1, 2}) },
		"one way": func(n *simnet.Network[int]) {
			n.Cut(func(from, to int) bool { return from == 1 && to == 0 })
		},
		"as the node is down": func(n *simnet.Network[int]) { n.Handle(1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New[int](t)
				echo(n, 1, &counter{})
				lose(n)
				_, took, err := asked(t, n, 0, 1)
				if !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
					t.Errorf("%v after %v", err, took)
				}
				n.Rule(nil)
				n.Heal()
				echo(n, 1, &counter{})
				if answer, _, err := asked(t, n, 0, 1); err != nil {
					t.Errorf("afterwards: %v, %v", answer, err)
				}
			})
		})
	}
}

// A cut also drops what is under way, and what is under way at the end of a check is dropped.
func TestCut_underWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, calls := simnet.New[int](t), &counter{}
		echo(n, 1, calls)
		n.Rule(func(simnet.Leg[int]) simnet.Fate { return simnet.Fate{After: time.Minute} })
		ctx, cancel := context.WithCancel(t.Context())
		go n.Call(ctx, 0, 1, "q")
		time.Sleep(time.Second)
		n.Split([]int{0}, []int{1})
		time.Sleep(time.Hour)
		if calls.get() != 0 {
			t.Error("what was under way has arrived through a cut")
		}
		n.Heal()
		go n.Call(ctx, 0, 1, "q")
		time.Sleep(time.Second)
		cancel()
	})
}

func TestFate_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, calls := simnet.New[int](t), &counter{}
		echo(n, 1, calls)
		n.Rule(func(leg simnet.Leg[int]) simnet.Fate {
			return simnet.Fate{Lost: true, Again: []time.Duration{20 * time.Millisecond,
				10 * time.Millisecond}}
		})
		_, took, err := asked(t, n, 0, 1)
		if err != nil || took != 20*time.Millisecond {
			t.Errorf("%v after %v: want the first copy of the answer to the first copy", err, took)
		}
		time.Sleep(time.Second)
		if calls.get() != 2 {
			t.Errorf("answered %d times, want once for each copy", calls.get())
		}
	})
}

// The rule sees what is sent, in order, with the number of each leg on its way.
func TestRule_sees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New[int](t)
		echo(n, 1, &counter{})
		echo(n, 2, &counter{})
		var seen []string
		n.Rule(func(leg simnet.Leg[int]) simnet.Fate {
			seen = append(seen, fmt.Sprint(leg.From, leg.To, leg.Answer, leg.N, leg.Message))
			return simnet.Fate{}
		})
		for _, to := range []int{1, 2, 1} {
			asked(t, n, 0, to)
		}
		want := []string{"0 1 false 0q", "1 0 true 0q of 0 at 1", "0 2 false 0q",
			"2 0 true 0q of 0 at 2", "0 1 false 1q", "1 0 true 1q of 0 at 1"}
		if !slices.Equal(seen, want) {
			t.Errorf("the rule saw %q", seen)
		}
	})
}

func TestDraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, tl := simnet.New[int](t), timeline.New("node 0", "node 1")
		echo(n, 1, &counter{})
		n.Draw(tl, func(node int) string { return fmt.Sprint("node ", node) },
			func(leg simnet.Leg[int]) string {
				if leg.N > 0 {
					return ""
				}
				return fmt.Sprint(leg.Message)
			})
		n.Rule(func(leg simnet.Leg[int]) simnet.Fate {
			return simnet.Fate{After: time.Second / 4, Lost: leg.Answer}
		})
		asked(t, n, 0, 1)
		asked(t, n, 0, 1)
		text := tl.String()
		for _, want := range []string{"node 0: q, to node 1", "+250ms node 1: q, from node 0",
			"node 1: q of 0 at 1, to node 0, lost"} {
			if !strings.Contains(text, want) {
				t.Errorf("nothing of %q in\n%s", want, text)
			}
		}
		if got := strings.Count(text, "q, to node 1"); got != 1 {
			t.Errorf("%d questions are drawn, want the one that has words:\n%s", got, text)
		}
	})
}

// The same seed is the same schedule, whatever other nodes do meanwhile.
func TestRandom(t *testing.T) {
	faults := simnet.Faults{Min: time.Millisecond, Max: 200 * time.Millisecond, Loss: 0.2, Twice: 0.1}
	one, two := simnet.Random[int](7, faults), simnet.Random[int](7, faults)
	other := simnet.Random[int](8, faults)
	var lost, twice, same int
	const legs = 10000
	for i := range legs {
		leg := simnet.Leg[int]{From: i % 5, To: 5, N: i / 5}
		a, c := one(leg), other(leg)
		if i%2 == 0 {
			two(simnet.Leg[int]{From: 9, To: 8, N: i})
		}
		if b := two(leg); a.After != b.After || a.Lost != b.Lost || !slices.Equal(a.Again, b.Again) {
			t.Fatalf("leg %+v: %+v and %+v of one seed", leg, a, b)
		}
		if a.After < faults.Min || a.After > faults.Max {
			t.Fatalf("leg %+v is under way for %v", leg, a.After)
		}
		if a.Lost {
			lost++
		}
		twice += len(a.Again)
		if a.After == c.After {
			same++
		}
	}
	if lost < legs*17/100 || lost > legs*23/100 || twice < legs*8/100 || twice > legs*12/100 {
		t.Errorf("%d lost and %d doubled of %d", lost, twice, legs)
	}
	if same > legs/100 {
		t.Errorf("two seeds agree about %d of %d", same, legs)
	}
}
