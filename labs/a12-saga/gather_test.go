package saga_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	saga "github.com/backend-labs/backend-labs/labs/a12-saga"
)

const budget = 300 * time.Millisecond

var errPart = errors.New("status 500")

// fetches a value, or fails, after a time, or when its context ends.
func fetches(after time.Duration, value any, err error) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		select {
		case <-time.After(after):
			return value, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fetcher is a Fetch, and what it does.
type fetcher struct {
	what  string
	fetch func(context.Context) (any, error)
}

// page is how a Gather ended.
type page struct {
	parts    map[string]any
	degraded []string
	err      error
	took     time.Duration
}

func (p page) String() string {
	if p.err != nil {
		return fmt.Sprintf("the error %q after %v", known.Say(p.err), p.took)
	}
	return fmt.Sprintf("%v, degraded %q, after %v", p.parts, p.degraded, p.took)
}

func gather(ctx context.Context, parts ...saga.Part) page { return gatherWithin(ctx, budget, parts...) }

func gatherWithin(ctx context.Context, budget time.Duration, parts ...saga.Part) page {
	start := time.Now()
	m, d, err := saga.Gather(ctx, budget, parts)
	return page{m, d, err, time.Since(start)}
}

// wantsPage ends the check unless a Gather ended with these parts, and these degraded.
func wantsPage(t *testing.T, got page, after time.Duration, degraded []string, parts map[string]any, m expect.Message) {
	t.Helper()
	m.Want = page{parts, degraded, nil, after}.String()
	m.Got = got.String()
	expect.That(t, got.err == nil && maps.Equal(got.parts, parts) && slices.Equal(got.degraded, degraded) &&
		got.took == after, m)
}

func TestGatherFetchesAllAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var parts []saga.Part
		want := map[string]any{}
		for i := range 100 {
			name := fmt.Sprint("part ", i)
			parts = append(parts, saga.Part{Name: name, Optional: i%2 == 0, Fallback: "none",
				Fetch: fetches(time.Duration(i+1)*2*time.Millisecond, i, nil)})
			want[name] = i
		}
		wantsPage(t, gather(t.Context(), parts...), 200*time.Millisecond, nil, want, expect.Message{
			Did: "gathered 100 parts that take 2 to 200 ms", Why: "one after another they take ten seconds"})
		var many []saga.Part
		have := map[string]any{}
		for i := range 1500 {
			name := fmt.Sprint("part ", i)
			many = append(many, saga.Part{Name: name, Fetch: fetches(200*time.Millisecond, i, nil)})
			have[name] = i
		}
		got := gather(t.Context(), many...)
		expect.That(t, got.err == nil && got.took == 200*time.Millisecond && maps.Equal(got.parts, have), expect.Message{
			Did: "gathered 1500 parts that take 200 ms each", Want: "all of them after 200ms",
			Got: fmt.Sprintf("%d of them after %v, error: %s", len(got.parts), got.took, known.Say(got.err)),
			Why: "a bound would have to be in the contract: the last part waits for the first, and the budget does not"})
		wantsPage(t, gather(t.Context()), 0, nil, map[string]any{}, expect.Message{Did: "gathered no parts"})
		wantsPage(t, gather(t.Context(), saga.Part{Name: "ads", Optional: true, Fallback: "none",
			Fetch: fetches(0, nil, nil)}), 0, nil, map[string]any{"ads": nil}, expect.Message{
			Did: "gathered an optional part that is nil", Why: "nil is a value: there are no ads today"})
		wantsPage(t, gatherWithin(t.Context(), 25*time.Hour, saga.Part{Name: "report",
			Fetch: fetches(25*time.Hour-time.Millisecond, 1, nil)}), 25*time.Hour-time.Millisecond, nil,
			map[string]any{"report": 1}, expect.Message{
				Did: "gathered, with a budget of 25 hours, a part that takes 1 ms less",
				Why: "how long is too long says the budget, and nobody else"})
	})
}

func TestGatherDoesWithout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		price := saga.Part{Name: "price", Fetch: fetches(20*time.Millisecond, 42, nil)}
		stubborn := func(ctx context.Context) (any, error) {
			time.Sleep(time.Second)
			return "late", nil
		}
		for _, late := range []fetcher{
			{"hang until their context ends", fetches(time.Hour, nil, nil)},
			{"take a second, whatever their context says", stubborn},
		} {
			what, fetch := late.what, late.fetch
			got := gather(t.Context(),
				saga.Part{Name: "z", Optional: true, Fallback: "no z", Fetch: fetch}, price,
				saga.Part{Name: "a", Optional: true, Fetch: fetch})
			did := "gathered a price and two optional parts that " + what
			want := map[string]any{"z": "no z", "price": 42, "a": nil}
			wantsPage(t, got, budget, []string{"z", "a"}, want, expect.Message{Did: did,
				Why: "the page must not wait for its least important part"})
			time.Sleep(2 * time.Second)
			expect.That(t, maps.Equal(got.parts, want) && slices.Equal(got.degraded, []string{"z", "a"}), expect.Message{
				Did: did + ", and looked at it two seconds later", Want: "the same", Got: got.String(),
				Why: "whoever has it writes it to a client meanwhile"})
		}
		for _, early := range []fetcher{
			{"fails", fetches(10*time.Millisecond, "half a value", errPart)},
			{"panics", func(context.Context) (any, error) { panic("index out of range") }},
		} {
			what, fetch := early.what, early.fetch
			wantsPage(t, gather(t.Context(),
				saga.Part{Name: "b", Optional: true, Fallback: "no b", Fetch: fetches(25*time.Millisecond, nil, errPart)},
				saga.Part{Name: "ads", Optional: true, Fallback: "no ads", Fetch: fetch}, price), 25*time.Millisecond,
				[]string{"b", "ads"}, map[string]any{"ads": "no ads", "b": "no b", "price": 42}, expect.Message{
					Did: fmt.Sprintf("gathered a price that takes 20 ms, an optional part that %s early, and one that fails "+
						"after 25 ms", what),
					Why: "nobody buys less because there are no ads"})
		}
		for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
			wantsPage(t, gather(t.Context(),
				saga.Part{Name: "ads", Optional: true, Fallback: "no ads", Fetch: fetches(15*time.Millisecond, nil, err)}, price),
				20*time.Millisecond, []string{"ads"}, map[string]any{"ads": "no ads", "price": 42}, expect.Message{
					Did: fmt.Sprintf("gathered a price that takes 20 ms, and an optional part that fails after 15 ms with %q", err),
					Why: "a part has timeouts of its own: that one of its contexts has ended says nothing about the page's"})
		}
		for _, none := range []time.Duration{0, -time.Second} {
			wantsPage(t, gatherWithin(t.Context(), none,
				saga.Part{Name: "ads", Optional: true, Fallback: "no ads", Fetch: fetches(time.Hour, nil, nil)}),
				0, []string{"ads"}, map[string]any{"ads": "no ads"}, expect.Message{
					Did: fmt.Sprintf("gathered, with a budget of %v, an optional part that hangs", none),
					Why: "whoever has used all of the time up elsewhere has none left, and not any amount"})
		}
	})
}

func TestGatherCannotDoWithout(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var cancelled atomic.Int64
		watched := func(ctx context.Context) (any, error) {
			<-ctx.Done()
			cancelled.Add(1)
			return nil, ctx.Err()
		}
		others := []saga.Part{{Name: "ads", Optional: true, Fetch: watched}, {Name: "stock", Fetch: watched}}
		got := gather(t.Context(), append(others, saga.Part{Name: "price", Fetch: fetches(50*time.Millisecond, nil, errPart)})...)
		did := "gathered a price that fails after 50 ms, and parts that hang"
		expect.That(t, got.err != nil && sentinel.Is(got.err, errPart) && got.took == 50*time.Millisecond, expect.Message{
			Did: did, Want: "an error that wraps that of the price, after 50ms", Got: got.String(),
			Why: "there is nothing left to wait for"})
		time.Sleep(time.Millisecond)
		expect.That(t, cancelled.Load() == 2, expect.Message{Did: did,
			Want: "the contexts of the others have ended when it returns", Got: fmt.Sprint(cancelled.Load(), " have"),
			Why: "they work for a page that nobody will see"})
		for _, err := range []error{context.DeadlineExceeded, context.Canceled} {
			got = gather(t.Context(), saga.Part{Name: "price", Fetch: fetches(50*time.Millisecond, nil, err)})
			expect.That(t, sentinel.Is(got.err, err) && got.took == 50*time.Millisecond, expect.Message{
				Did:  fmt.Sprintf("gathered a price that fails after 50 ms with %q", err),
				Want: "an error that wraps that of the price, after 50ms", Got: got.String(),
				Why: "it has timeouts of its own, and has failed then; it is not late"})
		}
		got = gather(t.Context(), saga.Part{Name: "price", Fetch: fetches(time.Hour, nil, nil)})
		expect.That(t, got.err != nil && got.took == budget, expect.Message{
			Did: "gathered a price that hangs", Want: "an error after 300ms", Got: got.String()})
		got = gather(t.Context(), saga.Part{Name: "price", Fetch: func(context.Context) (any, error) {
			time.Sleep(time.Second)
			return 42, nil
		}})
		expect.That(t, got.err != nil && got.took == budget, expect.Message{
			Did: "gathered a price that takes a second, whatever its context says", Want: "an error after 300ms",
			Got: got.String()})
		got = gather(t.Context(), saga.Part{Name: "price", Fetch: func(context.Context) (any, error) {
			panic("index out of range")
		}})
		expect.That(t, got.err != nil && got.took == 0, expect.Message{
			Did: "gathered a price that panics", Want: "an error at once", Got: got.String()})
		time.Sleep(time.Second)
	})
}

func TestGatherEndsWithItsContext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, optional := range []bool{true, false} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errShutdown)
			got := gather(ctx, saga.Part{Name: "ads", Optional: optional, Fetch: func(context.Context) (any, error) {
				time.Sleep(time.Second)
				return nil, nil
			}}, saga.Part{Name: "news", Optional: true, Fetch: fetches(time.Hour, nil, nil)})
			cancel()
			expect.That(t, known.Is(got.err, context.DeadlineExceeded) && got.took == 100*time.Millisecond, expect.Message{
				Did:  fmt.Sprintf("gathered parts that are late, optional: %v; the caller's context ended after 100 ms", optional),
				Want: "its error after 100ms", Got: got.String(),
				Why: "there is nobody to show the page to"})
			time.Sleep(2 * time.Second)
		}
		var values atomic.Int64
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "trace 7")
		got := gather(ctx, saga.Part{Name: "slow", Optional: true, Fetch: func(ctx context.Context) (any, error) {
			if ctx.Value(key{}) == "trace 7" {
				values.Add(1)
			}
			return nil, nil
		}})
		expect.That(t, got.err == nil && values.Load() == 1, expect.Message{
			Did:  "gathered a part, and looked at the context that it got",
			Want: "the caller's, with its values", Got: fmt.Sprintf("another one; %s", got)})
	})
}
