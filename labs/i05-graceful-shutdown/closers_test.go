package shutdown_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	shutdown "github.com/backend-labs/backend-labs/labs/i05-graceful-shutdown"
)

type closers = []func(context.Context) error

func TestClosersRunBetweenTheLastRequestAndTheEnd(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var events journal
		query := func(w http.ResponseWriter, r *http.Request) {
			takes(3*time.Second, "")(w, r)
			if r.Context().Err() != nil {
				// a query that is cancelled has to be rolled back
				time.Sleep(100 * time.Millisecond)
			}
			events.add("last query done")
		}
		closer := func(context.Context) error {
			events.add("closing the database")
			time.Sleep(time.Second)
			events.add("database closed")
			return nil
		}
		s := start(t, paths{"/query": query}, shutdown.Options{Timeout: 10 * time.Second,
			Closers: closers{closer}})
		ask(s.Client(), "/query")
		time.Sleep(time.Second)
		s.signal()
		const did = "registered a closer for the database, which takes 1 s, and sent the signal " +
			"while a request was using the database"
		s.mustReturn(t, did, "the request, which takes 2 s more, and the closer are done",
			s.signalled.Add(3*time.Second), slack)
		events.add("Run returned")
		time.Sleep(time.Minute)
		events.mustBe(t, []string{"last query done", "closing the database", "database closed",
			"Run returned"}, expect.Message{
			Did: did,
			Why: "closed too early, the database is missing to the requests that are still " +
				"running; when Run returns, the process exits, and what has not been closed by " +
				"then never will be",
		})
	})
}

func TestClosersRunLastRegisteredFirst(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var events journal
		options := shutdown.Options{Timeout: 10 * time.Second, Closers: closers{
			events.closer("database", time.Second), events.closer("cache", 2*time.Second),
			events.closer("queue", 3*time.Second),
		}}
		did := "registered closers for a database, a cache and a queue, in this order, " +
			"which take 1 s, 2 s and 3 s, and sent the signal"
		want := []string{"queue", "cache", "database"}
		for range 2 {
			s := start(t, paths{}, options)
			s.signal()
			s.mustReturn(t, did, "the closers are done", s.signalled.Add(6*time.Second), slack)
			time.Sleep(time.Minute) // whether Run waits for them is another check's business
			events.mustBe(t, want, expect.Message{
				Did: did,
				Why: "what was opened later uses what was opened before: the queue's consumer " +
					"still writes to the cache and the database while it stops",
			})
			did += "; then did the same once more, with the same Options"
			want = append(want, want...)
		}
	})
}

func TestClosersRunOneAfterAnother(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var running, most, done atomic.Int64
		closer := func(context.Context) error {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			done.Add(1)
			return nil
		}
		s := start(t, paths{}, shutdown.Options{Timeout: 10 * time.Second,
			Closers: closers{closer, closer, closer}})
		s.signal()
		const did = "registered three closers that take 1 s each, and sent the signal"
		s.mustReturn(t, did, "the closers are done", s.signalled.Add(3*time.Second), slack)
		time.Sleep(time.Minute) // whether Run waits for them is another check's business
		expect.That(t, most.Load() == 1 && done.Load() == 3, expect.Message{
			Did:  did,
			Want: "all three run, one after another",
			Got:  fmt.Sprintf("%d of 3 ran, up to %d at the same time", done.Load(), most.Load()),
			Why:  "an order is kept only if one is done before the next begins",
		})
	})
}

var errDatabase, errQueue = errors.New("database: already closed"), errors.New(
	"queue: connection lost")

func TestAFailingCloserStopsNoOther(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var events journal
		failing := func(name string, err error) func(context.Context) error {
			return func(ctx context.Context) error {
				events.closer(name, 0)(ctx)
				return err
			}
		}
		s := start(t, paths{}, shutdown.Options{Timeout: 10 * time.Second, Closers: closers{
			failing("database", errDatabase), failing("cache", nil), failing("queue", errQueue),
		}})
		s.signal()
		const did = "registered closers for a database, a cache and a queue, of which the first " +
			"and the last fail, and sent the signal"
		s.mustReturn(t, did, "the closers, which take no time, are done", s.signalled, slack)
		synctest.Wait()
		called := events.list()
		// their order, and whether Run waits for them, is another check's business
		slices.Sort(called)
		expect.That(t, slices.Equal(called, []string{"cache", "database", "queue"}), expect.Message{
			Did:  did,
			Want: "all three are called, once each",
			Got:  "called: " + strings.Join(called, ", "),
			Why: "a lost connection to the queue is no reason to leave the cache unwritten and " +
				"the database's connections open",
		})
	})
}

func TestErrorsOfClosersAreReported(t *testing.T) {
	virtual(t, func(t *testing.T) {
		fail := func(err error) func(context.Context) error {
			return func(
				context.Context) error {
				return err
			}
		}
		s := start(t, paths{}, shutdown.Options{Timeout: 10 * time.Second,
			Closers: closers{fail(errDatabase), fail(nil), fail(errQueue)}})
		s.signal()
		const did = "registered three closers, of which the first and the last fail, and sent " +
			"the signal"
		s.mustReturn(t, did, "the closers, which take no time, are done", s.signalled, slack)
		s.mustWrapBoth(t, did)

		s = start(t, paths{"/stuck": takes(never, "")}, shutdown.Options{Timeout: 10 * time.Second,
			Closers: closers{fail(errDatabase), fail(nil), fail(errQueue)}})
		ask(s.Client(), "/stuck")
		synctest.Wait()
		s.signal()
		const cut = did + " while a request was in flight that never ends"
		s.mustReturn(t, cut, "the request has been cut off", s.signalled.Add(10*time.Second), slack)
		s.mustWrapBoth(t, cut)
	})
	for _, err := range []error{http.ErrServerClosed, context.Canceled, context.DeadlineExceeded, net.ErrClosed, io.EOF} {
		virtual(t, func(t *testing.T) {
			s := start(t, paths{}, shutdown.Options{Timeout: 10 * time.Second,
				Closers: closers{func(context.Context) error { return err }}})
			s.signal()
			did := fmt.Sprintf("registered a closer that returns the error %q, and sent the signal", err)
			s.mustReturn(t, did, "the closer, which takes no time, is done", s.signalled, slack)
			expect.That(t, sentinel.Is(s.err, err), expect.Message{
				Did:  did,
				Want: "Run's error wraps it",
				Got:  "Run returned " + describe(s.err),
				Why: "of the server itself such an error may be a good end; what it means to a closer, only that closer " +
					"knows",
			})
		})
	}
}

func (s *server) mustWrapBoth(t *testing.T, did string) {
	t.Helper()
	expect.That(t, sentinel.Is(s.err, errDatabase) && sentinel.Is(s.err, errQueue), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Run's error wraps both: %q and %q", errDatabase, errQueue),
		Got:  "Run returned " + describe(s.err),
		Why:  "what fails while it is closed may be data that was not written; it has to be known",
	})
}

func TestEachCloserHasTimeOfItsOwn(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var ends journal
		flush := func(ctx context.Context) error {
			err := sleep(ctx, 2*time.Second)
			ends.add(describe(err))
			return err
		}
		s := start(t, paths{}, shutdown.Options{Timeout: 3 * time.Second,
			Closers: closers{flush, flush, flush}})
		s.signal()
		const did = "registered three closers that take 2 s each and watch their context, and " +
			"sent the signal; Timeout is 3 s"
		s.mustReturn(t, did, "the closers are done", s.signalled.Add(6*time.Second), slack)
		time.Sleep(time.Minute) // whether Run waits for them is another check's business
		ends.mustBe(t, []string{"no error", "no error", "no error"}, expect.Message{
			Did: did,
			Why: "the context of each lasts 3 s from when it is called. One whose context has " +
				"ended before it begins, or is used up by others, cannot write what it holds",
		})
	})
	virtual(t, func(t *testing.T) {
		var ends journal
		s := start(t, paths{}, shutdown.Options{Timeout: 5 * time.Minute,
			Closers: closers{func(ctx context.Context) error {
				err := sleep(ctx, 4*time.Minute)
				ends.add(describe(err))
				return err
			}}})
		s.signal()
		const did = "registered a closer that takes 4 minutes and watches its context, and sent the " +
			"signal; Timeout is 5 minutes"
		s.mustReturn(t, did, "the closer is done", s.signalled.Add(4*time.Minute), slack)
		ends.mustBe(t, []string{"no error"}, expect.Message{
			Did: did,
			Why: "whoever has set the Timeout knows how long it takes to write what is held",
		})
	})
}

func TestAHangingCloserIsGivenUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var lasted atomic.Int64
		hang := func(ctx context.Context) error {
			began := time.Now()
			err := sleep(ctx, never)
			lasted.Store(int64(time.Since(began)))
			return err
		}
		s := start(t, paths{}, shutdown.Options{Timeout: 3 * time.Second, Closers: closers{hang}})
		s.signal()
		const did = "registered a closer that waits until its context ends, and sent the " +
			"signal; Timeout is 3 s"
		s.mustReturn(t, did, "the closer's context has ended", s.signalled.Add(3*time.Second),
			slack)
		synctest.Wait()
		took := time.Duration(lasted.Load())
		expect.That(t, took >= 3*time.Second-time.Millisecond && s.err != nil, expect.Message{
			Did:  did,
			Want: "its context lasts 3 s, and Run returns its error",
			Got: fmt.Sprintf("when Run returned %s, its context had lasted %v", describe(s.err),
				took),
			Why: "a closer needs its time, and one that hangs must not keep the process from " +
				"leaving",
		})
	})
}

func TestClosersRunAfterRequestsWereCutOff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var events journal
		closer := func(ctx context.Context) error {
			err := sleep(ctx, time.Second)
			events.add("closed with " + describe(err))
			return err
		}
		s := start(t, paths{"/stuck": takes(never, "")},
			shutdown.Options{Timeout: 3 * time.Second, Closers: closers{closer}})
		ask(s.Client(), "/stuck")
		synctest.Wait()
		s.signal()
		const did = "registered a closer that takes 1 s and watches its context, and sent the " +
			"signal while a request was in flight that never ends; Timeout is 3 s"
		s.mustReturn(t, did, "the request has been cut off and the closer is done",
			s.signalled.Add(4*time.Second), slack)
		expect.That(t, slices.Equal(events.list(), []string{"closed with no error"}),
			expect.Message{
				Did: did,
				Want: "the closer is called all the same, with a context that has not ended, and " +
					"succeeds",
				Got: fmt.Sprintf("closers that were done when Run returned: %q", events.list()),
				Why: "one stuck client must not cost the others' data: what is buffered still has " +
					"to be written",
			})
	})
}

// TestABackgroundWorkerIsFlushed has what most services have: work that goes on after the request
// has been answered.
func TestABackgroundWorkerIsFlushed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var stored atomic.Int64
		buffer := make(chan int, 10)
		flush := func(ctx context.Context) error { // 1 s for each order
			for range len(buffer) {
				if err := sleep(ctx, time.Second); err != nil {
					return err
				}
				<-buffer
				stored.Add(1)
			}
			return nil
		}
		order := func(w http.ResponseWriter, r *http.Request) {
			buffer <- 1
			takes(0, "")(w, r)
		}
		s := start(t, paths{"/order": order}, shutdown.Options{Timeout: 10 * time.Second,
			Closers: closers{flush}})
		client := s.Client()
		const did = "made 3 orders, which are buffered, with a closer that writes what is " +
			"buffered, 1 s each, and sent the signal; Timeout is 10 s"
		for range 3 {
			got := <-ask(client, "/order")
			expect.That(t, got.ok("done"), expect.Message{Did: did, Want: `200 "done"`,
				Got: got.String()})
		}
		s.signal()
		s.mustReturn(t, did, "the orders have been written", s.signalled.Add(3*time.Second), slack)
		expect.That(t, stored.Load() == 3, expect.Message{
			Did:  did,
			Want: "all 3 orders are written when Run returns",
			Got:  fmt.Sprintf("%d are written", stored.Load()),
			Why:  "the customers have been told that their orders are taken",
		})
	})
}

// closer is a closer that takes some time and notes its name when it is done.
func (j *journal) closer(name string, d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		j.add(name)
		return nil
	}
}

func (j *journal) mustBe(t *testing.T, want []string, m expect.Message) {
	t.Helper()
	got := j.list()
	m.Want, m.Got = strings.Join(want, ", "), strings.Join(got, ", ")
	if len(got) == 0 {
		m.Got = "nothing of that happened"
	}
	expect.That(t, slices.Equal(got, want), m)
}
