package nologs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
)

// These checks give Diagnose, in virtual time, what a shop has said before.

var causes = map[string]nologs.Cause{"none": nologs.Healthy, "goroutines": nologs.GoroutineLeak,
	"deadlock": nologs.Deadlock, "pool": nologs.PoolExhausted, "loop": nologs.HotLoop, "memory": nologs.MemoryLeak,
	"lock": nologs.LockContention, "upstream": nologs.SlowDependency}

var errDown = errors.New("connection refused")

// spare is what is not needed for a cause.
var spare = map[string]string{
	"goroutines": "Heap CPUProfile", "loop": "Mutex Goroutines", "memory": "Goroutines Metrics",
	"deadlock": "Heap CPUProfile Metrics", "pool": "Heap Mutex CPUProfile Metrics",
	"lock": "Goroutines Heap CPUProfile Metrics", "upstream": "Heap Mutex CPUProfile Metrics",
}

// replay is a Target that says what was recorded. Of each kind the second look is shown to who comes
// at least 200 ms after his first.
type replay struct {
	*recording
	fails func(call string, n int) bool // whether the n-th call of all fails; nil: none
	takes time.Duration                 // a call
	tl    *timeline.Timeline

	begun    time.Time
	calls    []string
	refused  map[string]error     // by call
	first    map[string]time.Time // of each call
	profiled []time.Duration
	restarts int
}

// ask is a call that has to be answered, and of which look.
func (r *replay) ask(ctx context.Context, call string, takes time.Duration) (look int, err error) {
	r.calls = append(r.calls, call)
	n := len(r.calls)
	if r.first == nil {
		r.first = map[string]time.Time{}
	}
	if first, ok := r.first[call]; !ok {
		r.first[call] = time.Now()
	} else if time.Since(first) >= 200*time.Millisecond {
		look = 1
	}
	failing := r.fails != nil && r.fails(call, n)
	if failing {
		takes = r.takes // refused, and not after a profile's time
	}
	span := r.tl.Begin("Diagnose", "%s", call)
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		span.End("given up")
		return 0, ctx.Err()
	}
	if failing {
		span.End("fails")
		if r.refused == nil {
			r.refused = map[string]error{}
		}
		if r.refused[call] == nil {
			r.refused[call] = fmt.Errorf("get /%s: %w", strings.ToLower(call), errDown)
		}
		return 0, r.refused[call]
	}
	span.End("")
	return look, nil
}

func (r *replay) Goroutines(ctx context.Context) (string, error) {
	look, err := r.ask(ctx, "Goroutines", r.takes)
	if err != nil {
		return "", err
	}
	return r.looks[look].goroutines, nil
}

func (r *replay) CPUProfile(ctx context.Context, d time.Duration) ([]byte, error) {
	r.profiled = append(r.profiled, d)
	if _, err := r.ask(ctx, "CPUProfile", max(d, r.takes)); err != nil {
		return nil, err
	}
	return slices.Clone(r.cpu), nil
}

func (r *replay) Heap(ctx context.Context) ([]byte, error) {
	look, err := r.ask(ctx, "Heap", r.takes)
	if err != nil {
		return nil, err
	}
	return slices.Clone(r.looks[look].heap), nil
}

func (r *replay) Mutex(ctx context.Context) ([]byte, error) {
	look, err := r.ask(ctx, "Mutex", r.takes)
	if err != nil {
		return nil, err
	}
	return slices.Clone(r.looks[look].mutex), nil
}

func (r *replay) Metrics(ctx context.Context) (map[string]float64, error) {
	look, err := r.ask(ctx, "Metrics", r.takes)
	if err != nil {
		return nil, err
	}
	return maps.Clone(r.looks[look].metrics), nil
}

func (r *replay) Restart(context.Context) error {
	r.restarts++
	r.tl.Point("Diagnose", "Restart").Breaks()
	return nil
}

// recorded has a check judge Diagnose by recordings.
func recorded(t *testing.T, sicknesses []string, check func(t *testing.T, r *recording)) {
	t.Helper()
	all := record(t, sicknesses...)
	bubble.Run(t, func(t *testing.T) {
		for _, r := range all {
			check(t, r)
		}
	})
}

func newReplay(r *recording) *replay {
	return &replay{recording: r, takes: time.Millisecond, begun: time.Now(), tl: timeline.New("Diagnose")}
}

// finds makes sure of the cause, so that no check is passed by doing nothing.
func finds(t *testing.T, r *replay, f nologs.Finding, err error, did string) {
	t.Helper()
	got := fmt.Sprintf("%s, %q", f.Cause, f.Function)
	if err != nil {
		got = err.Error()
	}
	expect.That(t, err == nil && f.Cause == causes[r.sickness], expect.Message{Did: did,
		Want: string(causes[r.sickness]), Got: got, Picture: r.tl})
}

// harmless makes sure that looking has not cost more than it may.
func harmless(t *testing.T, r *replay, did string) {
	t.Helper()
	expect.That(t, r.restarts == 0, expect.Message{Did: did, Want: "no Restart", Got: fmt.Sprint(r.restarts),
		Why:     "after it the shop is well for an hour, and nobody will ever know why it was not: the evidence was in the process",
		Picture: r.tl})
	expect.That(t, len(r.calls) <= 8, expect.Message{Did: did, Want: "at most 8 calls", Got: fmt.Sprintf("%d calls: %s",
		len(r.calls), strings.Join(r.calls, ", ")),
		Why: "each look stops the world for a moment, and this one is on fire", Picture: r.tl})
	for _, d := range r.profiled {
		expect.That(t, d <= time.Second, expect.Message{Did: did, Want: "no CPU profile of more than 1 s", Got: d.String(),
			Why: "profiling slows a service down that is slow already", Picture: r.tl})
	}
	took := time.Since(r.begun)
	expect.That(t, took <= 5*time.Second, expect.Message{Did: did + "; a call took it 1 ms, but for the CPU profile",
		Want: "a finding within 5 s", Got: took.String(), Why: "customers wait meanwhile", Picture: r.tl})
}

// without has a shop diagnosed by what is needed for its sickness: each call that is not fails once.
func without(t *testing.T, rec *recording) {
	t.Helper()
	for call := range strings.FieldsSeq(spare[rec.sickness]) {
		r := newReplay(rec)
		r.fails = func(c string, _ int) bool { return c == call }
		f, err := nologs.Diagnose(t.Context(), r.veiled(t))
		did := fmt.Sprintf("diagnosed a shop with the sickness %q, of which %s cannot be had", r.sickness, call)
		harmless(t, r, did)
		finds(t, r, f, err, did)
		proven(t, f, did)
	}
}

// proven makes sure that a finding has evidence.
func proven(t *testing.T, f nologs.Finding, did string) {
	t.Helper()
	expect.That(t, len(f.Evidence) > 0, expect.Message{Did: did, Want: "evidence", Got: "none",
		Why: "who is told a cause without a reason has to begin from the start"})
	for _, line := range f.Evidence {
		expect.That(t, strings.ContainsFunc(line, unicode.IsDigit), expect.Message{Did: did,
			Want: "a number in each line of the evidence", Got: fmt.Sprintf("%q", line),
			Why: `"many goroutines" is an opinion, "51 more within 1 s" can be checked`})
	}
}

func TestLeastHarm(t *testing.T) {
	recorded(t, []string{"none", "deadlock", "memory"}, func(t *testing.T, rec *recording) {
		r := newReplay(rec)
		f, err := nologs.Diagnose(t.Context(), r.veiled(t))
		did := fmt.Sprintf("diagnosed a shop with the sickness %q", r.sickness)
		harmless(t, r, did)
		finds(t, r, f, err, did)
	})
}

func TestEvidence(t *testing.T) {
	recorded(t, []string{"none", "deadlock", "pool", "lock", "upstream"}, func(t *testing.T, rec *recording) {
		r := newReplay(rec)
		f, err := nologs.Diagnose(t.Context(), r.veiled(t))
		did := fmt.Sprintf("diagnosed a shop with the sickness %q", r.sickness)
		expect.NoError(t, err, expect.Message{Did: did, Want: "a finding", Picture: r.tl})
		proven(t, f, did)
		harmless(t, r, did)
		without(t, rec)
		if rec.sickness == "pool" || rec.sickness == "upstream" {
			oneDump(t, rec)
		}
	})
}

// oneDump has a shop diagnosed of which one dump of goroutines cannot be had. Each other one shows what
// it suffers from.
func oneDump(t *testing.T, rec *recording) {
	t.Helper()
	for n := 1; n <= 2; n++ {
		r := newReplay(rec)
		dumps := 0
		r.fails = func(call string, _ int) bool {
			if call == "Goroutines" {
				dumps++
			}
			return call == "Goroutines" && dumps == n
		}
		f, err := nologs.Diagnose(t.Context(), r.veiled(t))
		did := fmt.Sprintf("diagnosed a shop with the sickness %q, of which Goroutines cannot be had at call %d of it",
			r.sickness, n)
		harmless(t, r, did)
		if dumps > 1 {
			finds(t, r, f, err, did+", and can at another")
		}
	}
}

func TestMissingEvidence(t *testing.T) {
	recorded(t, []string{"goroutines", "loop", "memory", "none"}, func(t *testing.T, rec *recording) {
		without(t, rec)
		if rec.sickness != "none" {
			return
		}
		for n := range 2 {
			r := newReplay(rec)
			r.fails = func(_ string, i int) bool { return i > n }
			f, err := nologs.Diagnose(t.Context(), r.veiled(t))
			harmless(t, r, fmt.Sprintf("diagnosed a shop of which nothing can be had after %d calls", n))
			got := fmt.Sprintf("%s, and no error", f.Cause)
			if err != nil {
				got = err.Error()
			}
			if err != nil && f.Cause == nologs.Healthy {
				got = "healthy, beside the error " + got
			}
			expect.That(t, err != nil && f.Cause != nologs.Healthy && wraps(err, r.refused), expect.Message{
				Did: fmt.Sprintf("diagnosed a shop of which nothing can be had after %d calls", n), Want: "an error that wraps what " +
					"the calls returned, each of them, and not Healthy", Got: got,
				Why: "who sees nothing does not know that all is well", Picture: r.tl})
		}
		for _, call := range []string{"Goroutines", "CPUProfile", "Heap", "Mutex", "Metrics"} {
			r := newReplay(rec)
			r.fails = func(c string, _ int) bool { return c == call }
			_, err := nologs.Diagnose(t.Context(), r.veiled(t))
			did := fmt.Sprintf("diagnosed a shop that is well, of which %s cannot be had", call)
			harmless(t, r, did)
			if len(r.refused) == 0 {
				continue // who never asks for it does not miss it
			}
			got := "no error"
			if err != nil {
				got = err.Error()
			}
			expect.That(t, err != nil && wraps(err, r.refused), expect.Message{Did: did,
				Want: "an error that wraps what the call returned", Got: got,
				Why: "what the other calls show is nothing, and what this one would have shown nobody knows", Picture: r.tl})
		}
	})
}

// wraps tells whether an error wraps all of them.
func wraps(err error, all map[string]error) bool {
	for _, e := range all {
		if !sentinel.Is(err, e) {
			return false
		}
	}
	return true
}

func TestContextEnds(t *testing.T) {
	recorded(t, []string{"none"}, func(t *testing.T, rec *recording) {
		r := newReplay(rec)
		f, err := nologs.Diagnose(t.Context(), r.veiled(t))
		finds(t, r, f, err, "diagnosed a shop that is well")
		for after := time.Duration(0); after < 5*time.Second; after += 100 * time.Millisecond {
			r := newReplay(rec)
			r.takes = 130 * time.Millisecond // so that each call is under way at some of these ends
			ctx, cancel := context.WithTimeout(t.Context(), after)
			if after%(200*time.Millisecond) != 0 {
				cancel()
				caused, end := context.WithCancelCause(t.Context())
				timer := time.AfterFunc(after, func() { end(errDown) })
				ctx, cancel = caused, func() { timer.Stop(); end(nil) }
			}
			start := time.Now()
			_, err := nologs.Diagnose(ctx, r.veiled(t))
			took := time.Since(start)
			want := ctx.Err()
			cancel()
			if want == nil {
				return
			}
			got := "no error"
			if err != nil {
				got = err.Error()
			}
			expect.That(t, r.restarts == 0, expect.Message{
				Did:  fmt.Sprintf("diagnosed a shop with a context that ended after %v (%v)", after, want),
				Want: "no Restart", Got: fmt.Sprint(r.restarts), Why: "nobody has found out anything yet", Picture: r.tl})
			expect.That(t, sentinel.Is(err, want) && took == after, expect.Message{
				Did:  fmt.Sprintf("diagnosed a shop with a context that ended after %v (%v)", after, want),
				Want: "its error, at once", Got: fmt.Sprintf("%s, after %v", got, took),
				Why: "who asked is gone, and the service need not bear it any longer", Picture: r.tl})
		}
	})
}
