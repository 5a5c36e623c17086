package idempotency_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	idempotency "github.com/backend-labs/backend-labs/labs/i11-idempotency-key"
)

func TestWithoutTheStoreNothingIsDone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &shop{}
		store := &flaky{Store: newMemory(), begin: errStore}
		h := guard(store, s)
		did := "sent a POST while the store does not answer Begin"
		got := ask(h, post())
		wantRuns(t, s, 0, expect.Message{Did: did,
			Why: "perhaps it has been done already: nobody can know without the store"})
		wantProblem(t, got, expect.Message{Did: did}, 503)
		store.begin = nil
		first := ask(h, post())
		wantRun(t, s, first, 1, expect.Message{Did: did + ", and again when the store was back"})
		store.begin = errStore
		got = ask(h, post())
		wantProblem(t, got, expect.Message{Did: did + " any more, for a key that had been used"}, 503)
		wantRuns(t, s, 1, expect.Message{Did: did + " any more, for a key that had been used"})
		store.begin = nil
		wantReplay(t, ask(h, post()), first, expect.Message{Did: did + " any more, for a key that had " +
			"been used, and again when the store was back"})
	})
}

func TestAStoreThatHangsIsGivenUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &shop{}
		store := &flaky{Store: newMemory(), hangs: true}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		ask(guard(store, s), post().WithContext(ctx))
		took := time.Since(start)
		did := "sent a POST while the store hangs in Begin, for as long as its context lasts or for " +
			"an hour; the client gives up after 5 s"
		wantRuns(t, s, 0, expect.Message{Did: did})
		expect.That(t, took == 5*time.Second, expect.Message{Did: did,
			Want: "the request has come as far as Begin, and ends with its client, after 5 s",
			Got:  fmt.Sprintf("it ended after %v", took),
			Why:  "each that goes on keeps a connection and memory, until there is no more"})
	})
}

func TestAnOutcomeThatCannotBeStored(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("client", "handler")
		s := &shop{tl: tl, takes: time.Second}
		store := &flaky{Store: newMemory(), complete: errStore}
		h := guard(store, s)
		did := "sent a POST, for which the handler takes 1 s; the store does not answer Complete"
		start := time.Now()
		got := asks(tl, "client", h, post(), 30*time.Second)
		wantRun(t, s, got, 1, expect.Message{Did: did, Picture: tl,
			Why: "the card has been charged: whoever is told otherwise pays somewhere else, too"})
		for _, at := range []time.Duration{40 * time.Second, time.Minute - time.Millisecond} {
			time.Sleep(at - time.Since(start))
			asks(tl, "client", h, post(), time.Nanosecond)
			wantRuns(t, s, 1, expect.Message{Did: did + "; sent it again " + at.String() +
				" after the beginning", Picture: tl,
				Why: "the work has been done; a key that is freed now lets it be done twice"})
		}
		store.complete = nil
		time.Sleep(time.Minute + time.Millisecond - time.Since(start))
		wantRun(t, s, asks(tl, "client", h, post(), time.Hour), 2, expect.Message{Picture: tl,
			Did: did + "; sent it again 1m0.001s after the beginning"})
	})
}

func TestAKeyThatCannotBeFreed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 2 {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusTeapot + 100) // 518
			w.Write([]byte("no"))
		}}
		h := guard(&flaky{Store: newMemory(), release: errStore}, s)
		got := ask(h, post())
		want := answer{status: 518, header: http.Header{"Content-Type": {"text/plain"}}, body: "no"}
		expect.That(t, same(got, want) && s.count() == 1, expect.Message{
			Did:  "sent a POST, to which the handler answers 518; the store does not answer Release",
			Want: "the handler's answer: " + want.String(), Got: got.String(),
			Why: "the answer is the handler's; that the next attempt will have to wait is no reason " +
				"to keep it from this one"})
		r := post()
		r.Header.Set("Idempotency-Key", "another")
		went := panics(func() { ask(h, r) })
		expect.That(t, went == http.ErrAbortHandler, expect.Message{
			Did:  "sent a POST to a handler that panics; the store does not answer Release",
			Want: "the panic goes on, with its value", Got: describe(went)})
	})
}

func describe(value any) string {
	if err, ok := value.(error); ok {
		return "a panic with " + err.Error()
	}
	return "none"
}

// onRedis is a Store on Redis. Begin is one command, which needs Redis 7.
type onRedis struct{ redis redis.UniversalClient }

func (o onRedis) Begin(
	ctx context.Context, key string, fp []byte, ttl time.Duration,
) (*idempotency.Record, error) {
	taken, err := json.Marshal(idempotency.Record{Fingerprint: fp})
	if err != nil {
		return nil, err
	}
	args := redis.SetArgs{Mode: "NX", Get: true, TTL: ttl}
	was, err := o.redis.SetArgs(ctx, key, taken, args).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rec idempotency.Record
	return &rec, json.Unmarshal([]byte(was), &rec)
}

func (o onRedis) Complete(
	ctx context.Context, key string, rec idempotency.Record, ttl time.Duration,
) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return o.redis.Set(ctx, key, data, ttl).Err()
}

func (o onRedis) Release(ctx context.Context, key string) error {
	return o.redis.Del(ctx, key).Err()
}

func TestOnRedis(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := vredis.Start(t, 2)
		s := &shop{takes: time.Second}
		one, two := guard(onRedis{r.Clients[0]}, s), guard(onRedis{r.Clients[1]}, s)
		did := "with two instances that share a Redis: sent a POST, for which the handler takes 1 s, " +
			"to one of them"
		done := make(chan answer)
		go func() { done <- ask(one, post()) }()
		time.Sleep(100 * time.Millisecond)
		early := asks(nil, "", two, post(), 500*time.Millisecond)
		if early.status != 0 && early.status != 503 {
			wantProblem(t, early, expect.Message{Did: did + ", and 100 ms later to the other"}, 409)
		}
		first := <-done
		wantRun(t, s, first, 1, expect.Message{Did: did + ", and meanwhile to the other"})
		wantReplay(t, ask(two, post()), first, expect.Message{
			Did: did + ", and to the other when it was answered"})
		wantProblem(t, ask(two, request("POST", key, "{}")), expect.Message{
			Did: did + ", and another body to the other"}, 422)
		time.Sleep(24*time.Hour + time.Millisecond)
		wantRun(t, s, ask(two, post()), 2, expect.Message{Did: did + ", and a day later to the other"})
		r.Cut()
		wantProblem(t, ask(one, post()), expect.Message{Did: did + ", and again with Redis gone"}, 503)
		wantRuns(t, s, 2, expect.Message{Did: did + ", and again with Redis gone"})
	})
}
