package leader_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

func TestTheDiskRefusesWhoIsOlder(t *testing.T) {
	const big = 1<<63 + 1
	for _, script := range [][]struct {
		token uint64
		value string
		ok    bool
	}{
		{{1, "a", true}, {1, "b", true}, {1, "", true}, {1, "c", true}},
		{{0, "a", true}, {0, "b", true}, {1, "c", true}, {0, "d", false}},
		{{7, "a", true}, {6, "b", false}, {7, "c", true}, {8, "d", true}, {7, "e", false}, {6, "f", false}, {8, "g",
			true}},
		{{5, "a", true}, {3, "b", false}, {4, "c", false}, {5, "a", true}, {4, "c", false}},
		{{2, "a", true}, {1000, "b", true}, {3, "c", false}, {999, "d", false}, {1001, "e", true}},
		{{big - 2, "a", true}, {big, "b", true}, {big - 1, "c", false}, {1, "d", false}, {big, "e", true}},
		{{1 << 53, "a", true}, {1<<53 + 1, "b", true}, {1 << 53, "c", false}},
	} {
		disk := leader.NewResource()
		did, want := "", ""
		expect.That(t, disk.Read() == "", expect.Message{Did: "read a new disk", Want: `""`,
			Got: fmt.Sprintf("%q", disk.Read())})
		for _, s := range script {
			err := disk.Write(s.token, s.value)
			did += fmt.Sprintf("%d writes %q; ", s.token, s.value)
			m := expect.Message{Did: did + "that was the last one", Got: known.Say(err)}
			if s.ok {
				want = s.value
				m.Want, m.Why = "nil: no greater token has written", "the leader must be able to write, and more "+
					"than once"
				expect.That(t, err == nil, m)
			} else {
				m.Want, m.Why = "ErrStale: a greater token has written", "the writer leads no more, and does not "+
					"know it"
				expect.That(t, known.Is(err, leader.ErrStale), m)
			}
			got := disk.Read()
			expect.That(t, got == want, expect.Message{Did: m.Did + ", and read", Want: fmt.Sprintf("%q", want),
				Got: fmt.Sprintf("%q", got), Why: "a write that is refused leaves no trace, and one that is not is " +
					"there"})
		}
	}
	atOnce(t)
}

// atOnce has leaders of 100 ages write to a disk from as many goroutines.
func atOnce(t *testing.T) {
	t.Helper()
	for range 20 {
		disk := leader.NewResource()
		var wg sync.WaitGroup
		for _, i := range rand.Perm(100) {
			wg.Go(func() {
				disk.Write(uint64(i+1), fmt.Sprint("page by ", i+1))
				disk.Read()
			})
		}
		wg.Wait()
		got := disk.Read()
		expect.That(t, got == "page by 100", expect.Message{
			Did: "let the tokens 1 to 100 write at one moment, each once, and read", Want: `"page by 100"`,
			Got: fmt.Sprintf("%q", got), Why: "looking at the token and writing are one step"})
	}
}

func TestOneMajority(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 3}, {6, 4}, {7, 4}, {100, 51}, {101, 51},
		{1_000_001, 500_001}} {
		n, want := c[0], c[1]
		got := leader.Majority(n)
		expect.That(t, got == want, expect.Message{Did: fmt.Sprintf("asked for the majority of %d", n),
			Want: fmt.Sprint(want), Got: fmt.Sprint(got),
			Why: "with less there can be two at a time, and with more a member that is down costs the leader"})
	}
	voted(t, 4, map[string]int{"a": 2, "b": 2}, "")
	voted(t, 5, map[string]int{"a": 2, "b": 1, "c": 1}, "")
	for n := 1; n <= 12; n++ {
		for k := range n + 1 {
			voted(t, n, map[string]int{"a": k}, map[bool]string{true: "a"}[2*k > n])
			left, right := voting(map[string]int{"a": k}), voting(map[string]int{"b": n - k})
			_, one := leader.Elect(left, n)
			_, two := leader.Elect(right, n)
			expect.That(t, !one || !two, expect.Message{
				Did: fmt.Sprintf("cut %d members into %d, who vote for a, and %d, who vote for b; each part "+
					"counts its own", n, k, n-k),
				Want: "one leader at most", Got: "a in the one, and b in the other",
				Why: "neither part can know whether the other one is dead or behind a broken switch"})
		}
	}
	for _, c := range []struct {
		n      int
		votes  map[string]int
		leader string
	}{
		{5, map[string]int{"a": 2, "b": 2}, ""},
		{5, map[string]int{"a": 2, "b": 3}, "b"},
		{6, map[string]int{"a": 3, "b": 2}, ""},
		{7, map[string]int{"a": 3, "b": 4}, "b"},
		{100, map[string]int{"a": 50, "b": 49}, ""},
		{100, map[string]int{"a": 51, "b": 49}, "a"},
		{3, nil, ""},
	} {
		voted(t, c.n, c.votes, c.leader)
	}
}

// voting are votes, each of a member of its own.
func voting(counts map[string]int) map[string]string {
	votes := map[string]string{}
	for candidate, n := range counts {
		for i := range n {
			votes[fmt.Sprint("voter-", candidate, "-", i)] = candidate
		}
	}
	return votes
}

func voted(t *testing.T, n int, counts map[string]int, want string) {
	t.Helper()
	for range 5 { // maps are read in another order each time
		got, ok := leader.Elect(voting(counts), n)
		expect.That(t, got == want && ok == (want != ""), expect.Message{
			Did:  fmt.Sprintf("of %d members these voted: %v", n, counts),
			Want: fmt.Sprintf("%q, %t", want, want != ""), Got: fmt.Sprintf("%q, %t", got, ok),
			Why: "who is silent may be dead, or voting for somebody else behind a broken switch"})
	}
}
