package saga_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	saga "github.com/backend-labs/backend-labs/labs/a12-saga"
)

// ended ends the check unless a saga ended so, with this left at the services.
func ended(t *testing.T, w *world, err, want error, state string, m expect.Message) {
	t.Helper()
	got := w.state(trip...)
	m.Want = fmt.Sprintf("%s, and %s at flight, hotel and car", say(want), state)
	m.Got += fmt.Sprintf("%s, and %s", say(err), got)
	expect.That(t, got == state && (err == nil) == (want == nil) && (want == nil || known.Is(err, want)), m)
}

// makes ends the check unless exactly these calls were made.
func makes(t *testing.T, w *world, m expect.Message, want ...string) {
	t.Helper()
	m.Want, m.Got = list(want), list(w.called())
	expect.That(t, slices.Equal(w.called(), want), m)
}

// says is a story in which some calls of a service go wrong.
func says(call, service string, f fault, from, to int) func(string, string, int) fault {
	return func(c, s string, n int) fault {
		if c == call && s == service && n >= from && n <= to {
			return f
		}
		return none
	}
}

func TestAllStepsInTheirOrder(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld()
		err, _ := w.run(t.Context())
		did := "ran a saga in which each step is done"
		ended(t, w, err, nil, "111", expect.Message{Did: did})
		makes(t, w, expect.Message{Did: did}, "Do flight", "Do hotel", "Do car")
		for _, n := range []int{0, 1, 50} {
			w, services := newWorld(), []string{}
			for i := range n {
				services = append(services, fmt.Sprint("step ", i))
			}
			err := saga.Run(t.Context(), w.log(), "trip", w.steps(services...))
			expect.That(t, err == nil && len(w.called()) == n, expect.Message{
				Did: fmt.Sprintf("ran a saga of %d steps", n), Want: fmt.Sprintf("nil, and %d calls", n),
				Got: fmt.Sprintf("%s, and %s", say(err), list(w.called()))})
		}
	})
}

func TestADeclinedStepAbortsTheSaga(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w, asked := newWorld(), 0
		steps := w.steps(trip...)
		steps[1].Do = func(context.Context, string) error {
			asked++
			return saga.ErrDeclined
		}
		got := saga.Run(t.Context(), w.log(), "trip", steps)
		did := "ran a saga in which the hotel says no with ErrDeclined itself"
		ended(t, w, got, saga.ErrAborted, "000", expect.Message{Did: did})
		expect.That(t, asked == 1, expect.Message{Did: did, Want: "it is asked once", Got: fmt.Sprint(asked, " times"),
			Why: "a no is an answer"})
		for i, service := range trip {
			w := newWorld()
			w.story = says("Do", service, no, 1, 99)
			err, _ := w.run(t.Context())
			did := fmt.Sprintf("ran a saga in which the %s is declined", service)
			ended(t, w, err, saga.ErrAborted, "000", expect.Message{Did: did,
				Why: "a customer who gets no hotel has no use for a flight"})
			var want []string
			for _, s := range trip[:i+1] {
				want = append(want, "Do "+s)
			}
			for _, s := range slices.Backward(trip[:i]) {
				want = append(want, "Undo "+s)
			}
			makes(t, w, expect.Message{Did: did,
				Why: "later steps may rest on earlier ones, so they go first; and what was declined was not done"}, want...)
		}
		for _, declined := range []error{fmt.Errorf("hotel: %w", fmt.Errorf("full: %w", saga.ErrDeclined)),
			errors.Join(errors.New("hotel: full"), saga.ErrDeclined)} {
			w, asked := newWorld(), 0
			steps := w.steps(trip...)
			steps[1].Do = func(context.Context, string) error {
				asked++
				return declined
			}
			got := saga.Run(t.Context(), w.log(), "trip", steps)
			did := fmt.Sprintf("ran a saga in which the hotel says no with %q, in which ErrDeclined is wrapped", declined)
			ended(t, w, got, saga.ErrAborted, "000", expect.Message{Did: did})
			expect.That(t, asked == 1, expect.Message{Did: did, Want: "it is asked once", Got: fmt.Sprint(asked, " times"),
				Why: "errors.Is finds it, however it is wrapped"})
		}
	})
}

func TestALostAnswerIsAskedForAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, f := range []fault{lostAfter, lostBefore} {
			what := map[fault]string{lostAfter: "was done, and the answers", lostBefore: "was not done: the questions"}[f]
			for _, times := range []int{1, 3} {
				w := newWorld()
				w.story = says("Do", "hotel", f, 1, times)
				err, _ := w.run(t.Context())
				did := fmt.Sprintf("ran a saga in which the hotel %s of the first %d attempts were lost", what, times)
				ended(t, w, err, nil, "111", expect.Message{Did: did,
					Why: "an answer that is lost is no answer: who asks again, with the same key, gets one"})
				expect.That(t, w.count["Do hotel"] == times+1 && w.count["Do car"] == 1, expect.Message{Did: did,
					Want: fmt.Sprintf("%d attempts at the hotel, and one at the car", times+1), Got: list(w.called())})
			}
			w := newWorld()
			w.story = says("Do", "hotel", f, 1, 99)
			err, _ := w.run(t.Context())
			did := fmt.Sprintf("ran a saga in which the hotel %s of all attempts were lost", what)
			ended(t, w, err, saga.ErrAborted, "000", expect.Message{Did: did,
				Why: "what may have been done must be undone: in August the hotel would ask where he was"})
			makes(t, w, expect.Message{Did: did}, "Do flight", "Do hotel", "Do hotel", "Do hotel", "Do hotel",
				"Undo hotel", "Undo flight")
		}
		for _, err := range []error{errors.New("connection reset"), context.DeadlineExceeded, context.Canceled,
			saga.ErrUnknown, saga.ErrConflict, saga.ErrAborted, saga.ErrParked} {
			w := newWorld()
			steps, n := w.steps(trip...), 0
			do := steps[1].Do
			steps[1].Do = func(ctx context.Context, key string) error {
				if n++; n < 3 {
					return err
				}
				return do(ctx, key)
			}
			got := saga.Run(t.Context(), w.log(), "trip", steps)
			ended(t, w, got, nil, "111", expect.Message{
				Did: fmt.Sprintf("ran a saga in which two attempts at the hotel end with %q, and the third is answered", err),
				Why: "an error that is no no leaves open what happened, whatever it is"})
		}
	})
}

func TestANoAfterALostAnswer(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld()
		w.story = func(call, service string, n int) fault {
			if call == "Do" && service == "car" {
				return []fault{lostAfter, no}[min(n, 2)-1]
			}
			return none
		}
		err, _ := w.run(t.Context())
		ended(t, w, err, saga.ErrAborted, "000", expect.Message{
			Did: "ran a saga in which the car was done and its answer lost, and the second attempt was declined",
			Why: "a no to the second attempt says nothing about the first"})
	})
}

func TestPausesBetweenAttempts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, takes := range []time.Duration{0, 3 * time.Second} {
			w := newWorld()
			w.story = func(call, service string, n int) fault {
				if call == "Do" && service == "hotel" || call == "Undo" && service == "flight" {
					return lostBefore
				}
				return none
			}
			did := "ran a saga in which a Do and an Undo are never answered"
			if takes > 0 {
				w.takes = func(int) time.Duration { return takes }
				did += fmt.Sprintf(", and each attempt takes %v", takes)
			}
			w.run(t.Context())
			calls := w.called()
			for i := 1; i < len(calls); i++ {
				pause := w.at[i].Sub(w.at[i-1]) - takes
				got := fmt.Sprintf("%v between two of %s", pause, calls[i])
				if takes > 0 {
					got = fmt.Sprintf("%v from the end of one %s to the beginning of the next", pause, calls[i])
				}
				expect.That(t, calls[i] != calls[i-1] || pause >= 10*time.Millisecond && pause <= time.Second, expect.Message{
					Did: did, Want: "10 ms to 1 s between two attempts", Got: got,
					Why: "what fails now will fail in a microsecond, too; and nobody wants to wait for ever"})
			}
			expect.That(t, w.count["Do hotel"] == 4 && w.count["Undo flight"] == 10, expect.Message{
				Did: did, Want: "4 attempts at the Do, and 10 at the Undo",
				Got: fmt.Sprintf("%d, and %d", w.count["Do hotel"], w.count["Undo flight"])})
		}
	})
}

func TestUndoIsTriedAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, f := range []fault{lostBefore, lostAfter, no} {
			for _, times := range []int{4, 9} {
				w := newWorld()
				w.story = func(call, service string, n int) fault {
					if call == "Do" && service == "car" {
						return no
					}
					if call == "Undo" && service == "flight" && n <= times {
						return f
					}
					return none
				}
				err, _ := w.run(t.Context())
				what := map[fault]string{lostBefore: "its question is lost", lostAfter: "its answer is lost",
					no: "it is declined"}[f]
				did := fmt.Sprintf("ran a saga in which the car is declined, and to undo the flight fails %d times: %s",
					times, what)
				ended(t, w, err, saga.ErrAborted, "000", expect.Message{Did: did,
					Why: "there is no way back from undoing; what can be healed by patience is"})
				expect.That(t, w.count["Undo flight"] == times+1 && w.count["Undo hotel"] == 1, expect.Message{Did: did,
					Want: fmt.Sprintf("%d attempts to undo the flight, and one to undo the hotel", times+1),
					Got:  list(w.called())})
			}
		}
		for _, err := range []error{errors.New("connection reset"), context.Canceled, context.DeadlineExceeded,
			saga.ErrConflict, saga.ErrAborted} {
			w, n := newWorld(), 0
			w.story = says("Do", "car", no, 1, 99)
			steps := w.steps(trip...)
			undo := steps[0].Undo
			steps[0].Undo = func(ctx context.Context, key string) error {
				if n++; n <= 10 {
					return fmt.Errorf("flight: %w", err)
				}
				return undo(ctx, key)
			}
			got := saga.Run(t.Context(), w.log(), "trip", steps)
			did := fmt.Sprintf("ran a saga in which the car is declined, and to undo the flight fails ten times with %q", err)
			expect.That(t, sentinel.Is(got, saga.ErrParked) && n == 10, expect.Message{Did: did,
				Want: "ten attempts, and ErrParked", Got: fmt.Sprintf("%d, and %s", n, say(got)),
				Why: "what a service returns is its error, and neither that of the log nor that of the context"})
			got = saga.Run(t.Context(), w.log(), "trip", steps)
			ended(t, w, got, saga.ErrAborted, "000", expect.Message{Did: did + "; ran it again"})
		}
	})
}

func TestWhatCannotBeUndoneIsParked(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, stuck := range trip {
			w := newWorld()
			healed := false
			w.story = func(call, service string, n int) fault {
				if call == "Do" && service == "car" {
					return lostAfter
				}
				if call == "Undo" && service == stuck && !healed {
					return lostBefore
				}
				return none
			}
			state := map[string]string{"flight": "100", "hotel": "010", "car": "001"}[stuck]
			did := fmt.Sprintf("ran a saga that is aborted, and in which the %s cannot be undone", stuck)
			err, _ := w.run(t.Context())
			ended(t, w, err, saga.ErrParked, state, expect.Message{Did: did, Got: "first Run: ",
				Why: "somebody has to look at it, and then it should be one thing and not three"})
			expect.That(t, w.count["Undo "+stuck] == 10, expect.Message{Did: did, Want: "10 attempts to undo it",
				Got: fmt.Sprint(w.count["Undo "+stuck])})
			w.clear()
			err, _ = w.run(t.Context())
			did += "; ran it again"
			ended(t, w, err, saga.ErrParked, state, expect.Message{Did: did, Got: "second Run: "})
			for _, call := range w.called() {
				expect.That(t, call == "Undo "+stuck, expect.Message{Did: did, Want: "only this is tried again",
					Got: list(w.called())})
			}
			expect.That(t, len(w.called()) == 10, expect.Message{Did: did, Want: "10 attempts",
				Got: fmt.Sprint(len(w.called()))})
			healed = true
			did += "; ran it again when the service was well"
			err, _ = w.run(t.Context())
			ended(t, w, err, saga.ErrAborted, "000", expect.Message{Did: did,
				Why: "parked is not the end: who has repaired the service only runs the saga again"})
			w.clear()
			err, _ = w.run(t.Context())
			ended(t, w, err, saga.ErrAborted, "000", expect.Message{Did: did + ", and once more"})
			makes(t, w, expect.Message{Did: did + ", and once more"})
		}
		severalStuck(t)
		longSaga(t)
	})
}

// severalStuck has all steps of a saga but the first fail when they are undone.
func severalStuck(t *testing.T) {
	t.Helper()
	services := []string{"flight", "hotel", "car", "visa", "guide", "boat"}
	w, healed := newWorld(), false
	w.story = func(call, service string, n int) fault {
		switch {
		case call == "Do" && service == "boat":
			return no
		case call == "Undo" && service != "flight" && !healed:
			return lostBefore
		}
		return none
	}
	log, steps := w.log(), w.steps(services...)
	err := saga.Run(t.Context(), log, "trip", steps)
	did := "ran a saga of six steps, the last of which is declined, and of the others only the first can be undone"
	expect.That(t, sentinel.Is(err, saga.ErrParked) && w.state(services...) == "011110" && w.count["Undo flight"] == 1,
		expect.Message{Did: did, Want: "ErrParked, and 011110 at the six services",
			Got: fmt.Sprintf("%s, and %s", say(err), w.state(services...)),
			Why: "however many are stuck, what can be undone is undone: somebody waits for the money"})
	healed = true
	w.clear()
	err = saga.Run(t.Context(), log, "trip", steps)
	did += "; ran it again when all services were well"
	expect.That(t, sentinel.Is(err, saga.ErrAborted) && w.state(services...) == "000000", expect.Message{Did: did,
		Want: "ErrAborted, and 000000 at the six services", Got: fmt.Sprintf("%s, and %s", say(err), w.state(services...))})
	makes(t, w, expect.Message{Did: did, Why: "the last one first, also of what is left"},
		"Undo guide", "Undo visa", "Undo car", "Undo hotel")
}

// longSaga has more steps than a byte can number, or the bits of a word can tell apart.
func longSaga(t *testing.T) {
	t.Helper()
	const steps, stuck, last = 260, "step 100", "step 259"
	var services []string
	for i := range steps {
		services = append(services, fmt.Sprint("step ", i))
	}
	w := newWorld()
	w.story = func(call, service string, n int) fault {
		switch {
		case call == "Do" && service == last:
			return no
		case call == "Undo" && service == stuck && n <= 10:
			return lostBefore
		}
		return none
	}
	for run, want := range []struct {
		err  error
		left string // the services at which something is
		does int
	}{{saga.ErrParked, stuck, 2*steps - 1 + 9}, {saga.ErrAborted, "", 1}} {
		w.clear()
		err := saga.Run(t.Context(), w.log(), "trip", w.steps(services...))
		left := ""
		for _, service := range services {
			if w.state(service) != "0" {
				left += service
			}
		}
		expect.That(t, known.Is(err, want.err) && left == want.left && len(w.called()) == want.does, expect.Message{
			Did: fmt.Sprintf("ran a saga of %d steps, of which the last is declined and %q cannot be undone before the "+
				"second Run; Run %d", steps, stuck, run+1),
			Want: fmt.Sprintf("%s, %d calls, and something left at %q", say(want.err), want.does, want.left),
			Got: fmt.Sprintf("%s, %d calls (%s), and something left at %.60q", say(err), len(w.called()), list(w.called()),
				left),
			Why: "a saga has as many steps as somebody needs, and what was undone is undone"})
	}
}

func TestWhatHasEndedIsOver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, want := range []error{nil, saga.ErrAborted} {
			w := newWorld()
			state := "111"
			if want != nil {
				w.story = says("Do", "car", no, 1, 1) // it would be done the next time
				state = "000"
			}
			w.run(t.Context())
			appends := w.appends
			for range 3 {
				w.clear()
				err, _ := w.run(t.Context())
				did := fmt.Sprintf("ran a saga again that had ended with %s", say(want))
				ended(t, w, err, want, state, expect.Message{Did: did})
				makes(t, w, expect.Message{Did: did,
					Why: "whoever did not hear that it has ended runs it again; nothing may come of that"})
				expect.That(t, w.appends == appends, expect.Message{Did: did, Want: "nothing is appended to the log",
					Got: fmt.Sprintf("%d records", w.appends-appends),
					Why: "all has been said; and a log that grows makes others begin anew"})
			}
		}
	})
}

func TestKeys(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld()
		w.story = says("Do", "hotel", lostAfter, 1, 2)
		w.dies[7], w.dies[19] = true, true
		for range 3 {
			w.run(t.Context())
		}
		for _, service := range trip {
			expect.That(t, len(w.keys[service]) == 1, expect.Message{
				Did:  "ran a saga three times; it died twice, and two answers were lost",
				Want: "each service sees one key", Got: fmt.Sprintf("%s sees %d", service, len(w.keys[service])),
				Why: "a new key is a new order"})
		}
		seen := map[string]string{}
		for _, id := range []string{"a", "b", "a b", "a/b", `a" "b`, "a-b", "a:b", "a|b", "", "1", "11", "a\x00b",
			"A", " a", "a ", strings.Repeat("a", 300) + "1", strings.Repeat("a", 300) + "2"} {
			w := newWorld()
			w.story = says("Do", "c", no, 1, 1)
			names := []string{"b", "a", "b b", "b/b", `b" "b`, "b-b", "b:b", "b|b", "1", "11", "b\x00b", "B", " b", "b ",
				"é", "e\u0301", "plumless", "buckeroo", "Aa", "BB", strings.Repeat("b", 300) + "1", strings.Repeat("b", 300) + "2", "c"}
			saga.Run(t.Context(), w.log(), id, w.steps(names...))
			for _, name := range slices.Sorted(maps.Keys(w.keys)) {
				keys := w.keys[name]
				for key := range keys {
					who := fmt.Sprintf("step %q of saga %q", name, id)
					expect.That(t, seen[key] == "" || seen[key] == who, expect.Message{
						Did:  "ran sagas with odd ids, and steps with odd names",
						Want: "each step of each saga has a key of its own",
						Got:  fmt.Sprintf("%q for %s, and for %s", key, seen[key], who),
						Why:  "with the key of another one the service says that this has been done already"})
					seen[key] = who
				}
				expect.That(t, len(keys) == 1, expect.Message{Did: "ran a saga that is aborted",
					Want: "a step has one key, in Do and in Undo", Got: fmt.Sprintf("%q has %d", name, len(keys))})
			}
		}
	})
}

func TestSagasAreApart(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := newWorld()
		w.story = says("Do", "car", no, 1, 1) // of the first one
		log, steps := w.log(), w.steps(trip...)
		first := saga.Run(t.Context(), log, "first", steps)
		ended(t, w, first, saga.ErrAborted, "000", expect.Message{Did: "ran a saga that is aborted"})
		second := saga.Run(t.Context(), log, "second", steps)
		ended(t, w, second, nil, "111", expect.Message{
			Did: "ran a saga, in the log of which there is another one that was aborted",
			Why: "all sagas share one log, and nothing else"})
		third := saga.Run(t.Context(), log, "third", w.steps("visa"))
		expect.That(t, third == nil && w.state("visa") == "1", expect.Message{
			Did:  "ran a saga of one step, in the log of which there are two with three steps",
			Want: "nil, and the step is done", Got: fmt.Sprintf("%s, and %s", say(third), w.state("visa"))})
		w.clear()
		ended(t, w, saga.Run(t.Context(), w.log(), "first", steps), saga.ErrAborted, "111", expect.Message{
			Did: "ran the first of three sagas again"})
		ended(t, w, saga.Run(t.Context(), w.log(), "second", steps), nil, "111", expect.Message{
			Did: "ran the second of three sagas again"})
		makes(t, w, expect.Message{Did: "ran the first and the second of three sagas again"})
		for _, id := range []string{"First", " first", "first ", "firs", "first\x00", "first first"} {
			services := []string{id + " flight", id + " hotel", id + " car"}
			err := saga.Run(t.Context(), w.log(), id, w.steps(services...))
			expect.That(t, err == nil && w.state(services...) == "111", expect.Message{
				Did:  fmt.Sprintf("ran the saga %q, in the log of which there is %q, which was aborted", id, "first"),
				Want: "nil, and 111 at its services", Got: fmt.Sprintf("%s, and %s", say(err), w.state(services...)),
				Why: "another id is another saga"})
		}
		idsOfBytes(t)
		manySagas(t)
		busyLog(t)
		busyForAMoment(t)
	})
}

// idsOfBytes has ids that are no text in UTF-8, and that many an encoding makes the same of.
func idsOfBytes(t *testing.T) {
	t.Helper()
	w := newWorld()
	ids := []string{"trip \xff", "trip \xfe", "trip \ufffd"}
	w.story = says("Do", ids[0], no, 1, 1)
	for i, id := range ids {
		for again := range 2 {
			w.clear()
			err := saga.Run(t.Context(), w.log(), id, w.steps("flight "+id, id))
			want, state, calls := error(nil), "11", 2
			if i == 0 {
				want, state, calls = saga.ErrAborted, "00", 3
			}
			calls *= 1 - again
			got := w.state("flight "+id, id)
			expect.That(t, (err == nil) == (want == nil) && (err == nil || known.Is(err, want)) && got == state &&
				len(w.called()) == calls, expect.Message{
				Did: fmt.Sprintf("ran the sagas %q, the first of which is aborted, each of them twice", ids[:i+1]),
				Want: fmt.Sprintf("%s for %q in run %d, %s at its two services, and %d calls", say(want), id, again+1, state,
					calls),
				Got: fmt.Sprintf("%s, %s and %d: %s", say(err), got, len(w.called()), list(w.called())),
				Why: "an id is what it is, byte by byte. In JSON all that is no UTF-8 becomes the same sign: a saga does " +
					"not find its own records again, or finds those of another"})
		}
	}
}

// busyLog is one to which others append just before this process does, forty times one after the other.
func busyLog(t *testing.T) {
	t.Helper()
	w := newWorld()
	log := &crowded{Log: w.log(), others: 40}
	log.another = func() {
		id := fmt.Sprint("another ", log.others)
		saga.Run(t.Context(), w.log(), id, w.steps("at "+id))
	}
	err := saga.Run(t.Context(), log, "trip", w.steps(trip...))
	ended(t, w, err, nil, "111", expect.Message{
		Did: "ran a saga while others appended to the log, each time just before this one did, 40 times",
		Why: "on a busy log that is every afternoon; each time it is read again, and the saga goes on from there"})
}

// crowded is a log in which another saga comes before each of the first appends behind those that are spared.
type crowded struct {
	saga.Log
	spared, others int
	another        func()
}

func (c *crowded) Append(ctx context.Context, rec []byte) error {
	if c.spared--; c.spared < 0 && c.others > 0 {
		c.others--
		c.another()
	}
	return c.Log.Append(ctx, rec)
}

// busyForAMoment has others append just before this process does, once, at each of its appends.
func busyForAMoment(t *testing.T) {
	t.Helper()
	for _, want := range []error{nil, saga.ErrAborted} {
		for n := 1; ; n++ {
			w, state := newWorld(), "111"
			if want != nil {
				w.story = says("Do", "car", no, 1, 99)
				state = "000"
			}
			log := &crowded{Log: w.log(), spared: n - 1, others: 1}
			log.another = func() { saga.Run(t.Context(), w.log(), "another", w.steps("visa")) }
			err := saga.Run(t.Context(), log, "trip", w.steps(trip...))
			if log.others > 0 {
				break
			}
			did := fmt.Sprintf("ran a saga while another one appended to the log, just before Append %d of this one", n)
			ended(t, w, err, want, state, expect.Message{Did: did})
			w.clear()
			appends := w.appends
			err, _ = w.run(t.Context())
			did += "; ran it again"
			ended(t, w, err, want, state, expect.Message{Did: did})
			expect.That(t, len(w.called()) == 0 && w.appends == appends, expect.Message{Did: did,
				Want: "no call, and nothing appended", Got: fmt.Sprintf("%s, and %d records", list(w.called()), w.appends-appends),
				Why: "it had ended: what was returned must stand in the log, however busy that is"})
		}
	}
}

// manySagas runs many at the same time, each in a process of its own.
func manySagas(t *testing.T) {
	t.Helper()
	const sagas = 20
	w := newWorld()
	w.bare = true
	w.takes = func(n int) time.Duration { return time.Duration(5+n%7) * time.Millisecond }
	w.story = func(call, service string, n int) fault {
		if call == "Do" && strings.HasPrefix(service, "declined") {
			return no
		}
		return none
	}
	errs := make([]error, sagas)
	services := func(i int) (first, second string) {
		if i%2 == 1 {
			return fmt.Sprint("flight ", i), fmt.Sprint("declined ", i)
		}
		return fmt.Sprint("flight ", i), fmt.Sprint("hotel ", i)
	}
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			first, second := services(i)
			errs[i] = saga.Run(t.Context(), w.log(), fmt.Sprint("trip ", i), w.steps(first, second))
		})
	}
	wg.Wait()
	for i, err := range errs {
		first, second := services(i)
		want, state := error(nil), "11"
		if i%2 == 1 {
			want, state = saga.ErrAborted, "00"
		}
		got := w.state(first, second)
		expect.That(t, got == state && (err == nil) == (want == nil) && (err == nil || known.Is(err, want)), expect.Message{
			Did: fmt.Sprintf("ran %d sagas at the same time, each in a process of its own, on one log; every other one is "+
				"declined at its second step", sagas),
			Want: fmt.Sprintf("%s for saga %d, and %s at its two services", say(want), i, state),
			Got:  fmt.Sprintf("%s, and %s", say(err), got),
			Why:  "that the log has grown need not mean that this saga has been decided"})
		expect.That(t, w.count["Undo "+second] == 0, expect.Message{
			Did: fmt.Sprintf("ran %d sagas at the same time on one log", sagas), Want: "a step that was declined the first time " +
				"is not undone", Got: "it was"})
	}
}

func TestTheLogFails(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, declined := range []bool{false, true} {
			for _, f := range []fault{lostBefore, lostAfter} {
				for n := 1; ; n++ {
					w := newWorld()
					want, state := error(nil), "111"
					if declined {
						w.story = says("Do", "car", no, 1, 99)
						want, state = saga.ErrAborted, "000"
					}
					w.logFails = func(i int) fault {
						if i == n {
							return f
						}
						return none
					}
					err, _ := w.run(t.Context())
					calls := w.called()
					at := slices.Index(calls, "the log fails")
					if at < 0 {
						expect.That(t, n > 1, expect.Message{Did: "ran a saga", Want: "it appends to the log", Got: "it does not"})
						break
					}
					did := fmt.Sprintf("ran a saga; Append %d failed, and the record was %s", n,
						map[fault]string{lostBefore: "not written", lostAfter: "written all the same"}[f])
					expect.That(t, known.Is(err, errDisk), expect.Message{Did: did, Want: "its error", Got: say(err)})
					expect.That(t, at == len(calls)-1, expect.Message{Did: did,
						Want: "no service is called after that", Got: list(calls[at:]),
						Why: "what is done and not written down nobody will know of after the next crash"})
					err, _ = w.run(t.Context())
					ended(t, w, err, want, state, expect.Message{Did: did + "; ran it again"})
				}
			}
		}
		w := newWorld()
		err := saga.Run(t.Context(), &unreadable{w.log()}, "trip", w.steps(trip...))
		expect.That(t, known.Is(err, errDisk) && len(w.called()) == 0, expect.Message{
			Did: "ran a saga, the log of which cannot be read", Want: "its error, and no call",
			Got: fmt.Sprintf("%s, and %s", say(err), list(w.called()))})
		unreadableForAMoment(t)
	})
}

// unreadableForAMoment has the log grow while a saga does a step, and fail when it is read then.
func unreadableForAMoment(t *testing.T) {
	t.Helper()
	w := newWorld()
	log := &gap{Log: w.log()}
	steps, times := w.steps(trip...), 0
	do := steps[1].Do
	steps[1].Do = func(ctx context.Context, key string) error {
		if times++; times == 1 {
			saga.Run(ctx, w.log(), "another", w.steps("visa"))
			log.fails = true
		}
		return do(ctx, key)
	}
	err := saga.Run(t.Context(), log, "trip", steps)
	did := "ran a saga; while it booked the hotel another saga was run, and then the log could not be read once"
	expect.That(t, sentinel.Is(err, errDisk), expect.Message{Did: did, Want: "its error", Got: say(err),
		Why: "that the log has grown is no answer to what is in it"})
	makes(t, w, expect.Message{Did: did}, "Do flight", "Do visa", "Do hotel")
	err, _ = w.run(t.Context())
	ended(t, w, err, nil, "111", expect.Message{Did: did + "; ran it again"})
}

// gap is a log that cannot be read once.
type gap struct {
	saga.Log
	fails bool
}

func (g *gap) Read(ctx context.Context) ([][]byte, error) {
	if g.fails {
		g.fails = false
		return nil, errDisk
	}
	return g.Log.Read(ctx)
}

// unreadable is a log that cannot be read.
type unreadable struct{ saga.Log }

func (u *unreadable) Read(context.Context) ([][]byte, error) { return nil, errDisk }

func TestTheContextEnds(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, declined := range []bool{false, true} {
			for _, kind := range []string{"before it is done", "after it is done", "in the pause behind it", "which hangs"} {
				for n := 1; ; n++ {
					w := newWorld()
					want, state := error(nil), "111"
					story := says("Do", "none", no, 0, 0)
					if declined {
						story = says("Do", "car", no, 1, 99)
						want, state = saga.ErrAborted, "000"
					}
					ctx, stop := context.WithCancelCause(t.Context())
					cancel := func() { stop(errShutdown) }
					calls := 0
					w.story = func(call, service string, i int) fault {
						if calls++; calls != n {
							return story(call, service, i)
						}
						switch kind {
						case "before it is done":
							cancel()
							return lostBefore
						case "after it is done":
							cancel()
							return lostAfter
						case "which hangs":
							time.AfterFunc(time.Second, cancel)
							<-ctx.Done()
						default:
							time.AfterFunc(5*time.Millisecond, cancel)
						}
						return lostBefore
					}
					start := time.Now()
					err, _ := w.run(ctx)
					took := time.Since(start)
					ended, made := ctx.Err() != nil, len(w.called())
					cancel()
					if !ended {
						break
					}
					did := fmt.Sprintf("ran a saga%s, the context of which ended in call %d, %s",
						map[bool]string{true: " in which the car is declined"}[declined], n, kind)
					expect.That(t, known.Is(err, context.Canceled) && made == n && took <= time.Second, expect.Message{
						Did: did, Want: fmt.Sprintf("context.Canceled at once, after %d calls", n),
						Got: fmt.Sprintf("%s, after %d and %v", say(err), made, took),
						Why: "whoever shuts the process down wants it to stop, and no booking to fail because of that"})
					w.story = story
					resumes(t, w, want, state, did)
				}
			}
		}
		w := newWorld()
		ctx, stop := context.WithCancelCause(t.Context())
		stop(errShutdown)
		err, _ := w.run(ctx)
		expect.That(t, known.Is(err, context.Canceled) && len(w.called()) == 0, expect.Message{
			Did: "ran a saga with a context that had ended", Want: "context.Canceled, and no call",
			Got: fmt.Sprintf("%s, and %s", say(err), list(w.called()))})
		endsWhileUndoing(t)
		itsTimeIsUp(t)
	})
}

// endsWhileUndoing has the context end while a saga is aborted of which something is stuck already.
func endsWhileUndoing(t *testing.T) {
	t.Helper()
	for n := 1; ; n++ {
		w := newWorld()
		ctx, stop := context.WithCancelCause(t.Context())
		undos := 0
		w.story = func(call, service string, i int) fault {
			switch {
			case call == "Do" && service == "car":
				return no
			case call == "Do":
				return none
			}
			if undos++; undos == n {
				stop(errShutdown)
			}
			return lostBefore
		}
		err, _ := w.run(ctx)
		over := ctx.Err() == nil
		stop(nil)
		if over {
			break
		}
		did := fmt.Sprintf("ran a saga in which the car is declined and no Undo is answered, and the context of which ended "+
			"in Undo %d of 20", n)
		expect.That(t, sentinel.Is(err, context.Canceled) && undos == n, expect.Message{Did: did,
			Want: fmt.Sprintf("context.Canceled, after %d of them", n), Got: fmt.Sprintf("%s, after %d", say(err), undos),
			Why: "parked is what has been tried ten times; here nobody has decided anything"})
		w.story = says("Do", "car", no, 1, 99)
		resumes(t, w, saga.ErrAborted, "000", did)
	}
}

// itsTimeIsUp has the context of a saga end by its deadline, while a service does not answer.
func itsTimeIsUp(t *testing.T) {
	t.Helper()
	for _, call := range []string{"Do hotel", "Undo flight"} {
		w := newWorld()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		want, state := error(nil), "111"
		healthy := says("Do", "none", no, 0, 0)
		if call == "Undo flight" {
			healthy = says("Do", "car", no, 1, 99)
			want, state = saga.ErrAborted, "000"
		}
		w.story = func(c, service string, n int) fault {
			if c+" "+service == call {
				<-ctx.Done()
				return lostBefore
			}
			return healthy(c, service, n)
		}
		err, _ := w.run(ctx)
		cancel()
		did := fmt.Sprintf("ran a saga with a deadline, which passed in %s", call)
		expect.That(t, sentinel.Is(err, context.DeadlineExceeded) && w.count[call] == 1, expect.Message{Did: did,
			Want: "context.DeadlineExceeded, and no other attempt", Got: fmt.Sprintf("%s, and %d attempts", say(err), w.count[call]),
			Why: "a deadline is an end as any other is; the next Run has one of its own"})
		w.story = healthy
		resumes(t, w, want, state, did)
	}
}

// resumes runs a saga again, with a context that goes on.
func resumes(t *testing.T, w *world, want error, state, did string) {
	t.Helper()
	err, _ := w.run(t.Context())
	ended(t, w, err, want, state, expect.Message{Did: did + "; ran it again, with one that goes on",
		Why: "that its context has ended is no no"})
}

func TestTwoProcesses(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for seed := range uint64(1000) {
			rng := rand.New(rand.NewPCG(seed, 12))
			var mu sync.Mutex
			draw := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(n)
			}
			w := newWorld()
			w.takes = func(int) time.Duration { return time.Duration(draw(100_000)) * time.Microsecond }
			w.story = func(call, service string, n int) fault {
				if call == "Undo" || draw(10) >= 6 {
					return none
				}
				return []fault{lostBefore, lostAfter}[draw(2)]
			}
			var errs [2]error
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					time.Sleep(time.Duration(draw(200)) * time.Millisecond)
					errs[i] = saga.Run(t.Context(), w.log(), "trip", w.steps(trip...))
				})
			}
			wg.Wait()
			got := w.state(trip...)
			right := errs[0] == nil && errs[1] == nil && got == "111" ||
				known.Is(errs[0], saga.ErrAborted) && known.Is(errs[1], saga.ErrAborted) && got == "000"
			expect.That(t, right, expect.Message{
				Did: fmt.Sprintf("had two processes run the same saga, while 6 of 10 answers or questions of each Do are lost "+
					"(seed %d): %s", seed, list(w.called())),
				Want: "nil for both and 111 at flight, hotel and car, or ErrAborted for both and 000",
				Got:  fmt.Sprintf("%s and %s, and %s", say(errs[0]), say(errs[1]), got),
				Why: "after a crash two servers find the same half of a trip; one of them may give up what the other one " +
					"brings to its end"})
		}
	})
}

func TestTheOtherOneHasDecided(t *testing.T) {
	virtual(t, func(t *testing.T) {
		// The car is declined for one process, and done for the other, which is a little later.
		w := newWorld()
		w.story = says("Do", "car", no, 1, 1)
		w.takes = func(int) time.Duration { return 10 * time.Millisecond }
		var errs [2]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 5 * time.Millisecond)
				errs[i] = saga.Run(t.Context(), w.log(), "trip", w.steps(trip...))
			})
		}
		wg.Wait()
		got := w.state(trip...)
		expect.That(t, known.Is(errs[0], saga.ErrAborted) && known.Is(errs[1], saga.ErrAborted) && got == "000" ||
			errs[0] == nil && errs[1] == nil && got == "111", expect.Message{
			Did: "had two processes run the same saga; the first attempt at the car was declined, and the other process's, " +
				"5 ms later, was not",
			Want: "ErrAborted for both and 000 at flight, hotel and car, or nil for both and 111",
			Got:  fmt.Sprintf("%s and %s, and %s", say(errs[0]), say(errs[1]), got),
			Why:  "only if nobody else has asked, a no means that nothing was done"})
	})
}
