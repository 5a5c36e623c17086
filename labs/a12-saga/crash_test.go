package saga_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	saga "github.com/backend-labs/backend-labs/labs/a12-saga"
)

// story is one in which a process dies.
type story struct {
	name string
	// make returns what becomes of calls, in one life after another.
	make func(life *int) func(call, service string, n int) fault
	ends string // the states that it may end in
}

// plain is a story that has nothing to do with crashes.
func plain(f func(call, service string, n int) fault) func(*int) func(string, string, int) fault {
	return func(*int) func(string, string, int) fault { return f }
}

var stories = []story{
	{"all is well", plain(nil), "111"},
	{"the flight is declined", plain(says("Do", "flight", no, 1, 99)), "000"},
	{"the hotel is declined", plain(says("Do", "hotel", no, 1, 99)), "000"},
	{"the car is declined", plain(says("Do", "car", no, 1, 99)), "000"},
	{"an answer is lost", plain(says("Do", "hotel", lostAfter, 1, 1)), "111"},
	{"all answers are lost", plain(says("Do", "hotel", lostAfter, 1, 99)), "000"},
	{"all questions are lost", plain(says("Do", "car", lostBefore, 1, 99)), "000"},
	{"undoing takes a while", plain(func(call, service string, n int) fault {
		if call == "Do" && service == "car" {
			return no
		}
		if call == "Undo" && n <= 2 {
			return lostAfter
		}
		return none
	}), "000"},
	{"a no that turns into a yes", func(life *int) func(string, string, int) fault {
		return func(call, service string, n int) fault {
			if call == "Do" && service == "car" && *life == 1 {
				return no
			}
			return none
		}
	}, "111 000"},
	{"a yes that turns into a no", func(life *int) func(string, string, int) fault {
		return func(call, service string, n int) fault {
			if call == "Do" && service == "hotel" && *life > 1 {
				return no
			}
			return none
		}
	}, "111 000"},
}

// tell has processes die at these points, each in its life, and then run it to its end. It returns
// what is wrong in the end, or "", and whether anybody died.
func tell(ctx context.Context, s story, tl *timeline.Timeline, points ...int) (wrong string, deaths int) {
	life := 1
	w := newWorld()
	w.story, w.tl = s.make(&life), tl
	at := 0
	for _, p := range points {
		at += p
		w.dies[at] = true
	}
	var err error
	for {
		w.tl.Point("Run", "life %d", life)
		var died bool
		err, died = w.run(ctx)
		if w.kills > deaths && !died {
			tl.Point("Run", "goes on").Breaks()
			return "a service or the log panicked, which is how the process dies, and Run went on: " + say(err), w.kills
		}
		if !died {
			break
		}
		deaths = w.kills
		life++
	}
	state := w.state(trip...)
	step := tl.Point("Run", "%s: %s", say(err), state)
	calls := len(w.called())
	life++
	again, _ := w.run(ctx)
	switch {
	case !strings.Contains(s.ends, state):
		wrong = fmt.Sprintf("%s is left at flight, hotel and car", state)
	case (state == "111") != (err == nil) || state == "000" && !known.Is(err, saga.ErrAborted):
		wrong = fmt.Sprintf("%s is left, and Run returned %s", state, say(err))
	case say(again) != say(err):
		wrong = fmt.Sprintf("%s, and from the next Run %s", say(err), say(again))
	case len(w.called()) > calls:
		wrong = fmt.Sprintf("when it had ended, the next Run made calls: %s", list(w.called()[calls:]))
	}
	if wrong != "" {
		step.Breaks()
	}
	return wrong, deaths
}

// newTimeline is one of the two lives of a process.
func newTimeline() *timeline.Timeline { return timeline.New("Run", "log", "flight", "hotel", "car") }

func TestACrashAnywhere(t *testing.T) {
	virtual(t, func(t *testing.T) {
		names := make([]string, len(stories))
		for i, s := range stories {
			names[i] = s.name
		}
		certificate := timeline.New(names...)
		for _, s := range stories {
			strip, first, wrong := "", 0, ""
			for point := 1; ; point++ {
				what, deaths := tell(t.Context(), s, nil, point)
				if deaths == 0 {
					break
				}
				if what == "" {
					strip += "✓"
					continue
				}
				strip += "✗"
				if first == 0 {
					first, wrong = point, what
				}
			}
			if first > 0 {
				tl := newTimeline()
				tell(t.Context(), s, tl, first)
				expect.Fatal(t, expect.Message{
					Did: fmt.Sprintf("ran a saga in which %s, killed it at each point at which it touches the world, one after "+
						"another, and ran it again: %s", s.name, strip),
					Want:    fmt.Sprintf("%s at flight, hotel and car", strings.ReplaceAll(s.ends, " ", " or ")),
					Got:     fmt.Sprintf("at point %d: %s", first, wrong),
					Why:     "a process is killed in whichever moment it is; what it was about to do must be written down before",
					Picture: tl})
			}
			expect.That(t, strip != "", expect.Message{Did: "ran a saga", Want: "it touches the world", Got: "it does not"})
			certificate.Point(s.name, "%s", strip)
		}
		expect.Show(t, "killed at each of these points, and whole in the end", certificate)
	})
}

func TestACrashAndAnother(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const seed = 4711
		rng := rand.New(rand.NewPCG(seed, seed))
		for range 2000 {
			s := stories[rng.IntN(len(stories))]
			points := []int{1 + rng.IntN(30), 1 + rng.IntN(30), 1 + rng.IntN(30)}
			wrong, _ := tell(t.Context(), s, nil, points...)
			if wrong == "" {
				continue
			}
			tl := newTimeline()
			tell(t.Context(), s, tl, points...)
			expect.Fatal(t, expect.Message{
				Did: fmt.Sprintf("ran a saga in which %s, and killed it up to three times: after %d points, after %d more, and "+
					"after %d more", s.name, points[0], points[1], points[2]),
				Want: fmt.Sprintf("%s at flight, hotel and car", strings.ReplaceAll(s.ends, " ", " or ")),
				Got:  wrong, Why: "who was killed once is killed again, while it mends what the first time has left",
				Picture: tl})
		}
	})
}
