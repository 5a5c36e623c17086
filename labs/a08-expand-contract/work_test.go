package migrate_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

// traffic is instances of v1 and v2 at work, until somebody stops them or something is wrong.
type traffic struct {
	rounds []atomic.Int64
	wrong  atomic.Pointer[string]
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

func (w *world) traffic(one, two bool) *traffic {
	const workers = 3
	ctx, cancel := context.WithCancel(w.t.Context())
	tr := &traffic{rounds: make([]atomic.Int64, workers), stop: cancel}
	for i := range workers {
		tr.wg.Go(func() {
			for n := i; ctx.Err() == nil; n += workers {
				// Not ctx: nobody shall be disturbed in the middle of a sentence.
				if wrong := w.talk(w.t.Context(), one, two, w.ids[n%(len(w.ids)/workers*workers)]); wrong != "" {
					tr.wrong.CompareAndSwap(nil, &wrong)
					return
				}
				tr.rounds[i].Add(1)
			}
		})
	}
	return tr
}

// more waits until each instance has come so far again. It reports false when something is wrong.
func (tr *traffic) more(rounds int64) bool {
	var from [8]int64
	for i := range tr.rounds {
		from[i] = tr.rounds[i].Load()
	}
	for i := range tr.rounds {
		for tr.wrong.Load() == nil && tr.rounds[i].Load() < from[i]+rounds {
			time.Sleep(time.Millisecond)
		}
	}
	return tr.wrong.Load() == nil
}

// end stops them and returns what is wrong, or "".
func (tr *traffic) end() string {
	tr.stop()
	tr.wg.Wait()
	if wrong := tr.wrong.Load(); wrong != nil {
		return *wrong
	}
	return ""
}

func TestBothVersionsAtWork(t *testing.T) {
	w := newWorld(t, 20_000)
	for i := range w.phases {
		one, two := !w.last(i), i > 0
		who := map[bool]string{true: "instances of v1 and v2", false: "instances of v2"}[one]
		if !two {
			who = "instances of v1"
		}
		tr := w.traffic(one, two)
		tr.more(1)
		w.up(i)
		tr.more(1)
		w.want(tr.end(), expect.Message{
			Did:  fmt.Sprintf("had %s make, read and rename users while %s was done", who, w.name(i)),
			Want: "no error, and everybody reads what was written last",
			Why:  "that is what a customer sees of a deployment: nothing"})
		w.want(w.talk(t.Context(), one, true, w.ids[0]), expect.Message{
			Did:  fmt.Sprintf("let all that may run after %s make, read and rename users", w.name(i)),
			Want: "no error, and everybody reads what was written last"})
	}
	lost := pg.Count(t, w.own, `SELECT count(*) FROM users WHERE coalesce(first_name, '') = ''`)
	expect.That(t, lost == 0, expect.Message{
		Did:  "had both versions write while all phases were done, and looked into users",
		Want: "a first_name of each user",
		Got:  fmt.Sprintf("%d have none", lost),
		Why:  "as long as the old column was there it could be asked instead; now these names are lost"})
}

// quick is a connection on which nothing waits for a lock: it may be the phase's own.
func quick(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["lock_timeout"] = "20ms" }

func TestWritesBetweenStatements(t *testing.T) {
	w := newWorld(t, 20_000)
	old := w.v1
	hurried := v1{pg.Pool(t, quick)}
	want := map[int64]string{} // what v1 has written last
	written := func(i int) func(int) {
		return func(n int) {
			if n > 40 {
				return
			}
			for j := n % 5; j < len(w.ids); j += 5 { // somebody in each batch
				id := w.ids[j] + int64(n) - 40
				full := fmt.Sprintf("Ada %d. Lovelace %d", i, n)
				if hurried.rename(t.Context(), id, full) != nil {
					return // it is locked
				}
				want[id] = full
			}
			if id, err := hurried.create(t.Context(), fmt.Sprintf("Ida %d. Wells %d", i, n)); err == nil {
				want[id] = fmt.Sprintf("Ida %d. Wells %d", i, n)
			}
		}
	}
	for i := range w.phases {
		s := &statements{app: phasesApp}
		if !w.last(i) {
			s.before = written(i)
		}
		w.db = pg.Pool(t, s.option)
		w.up(i)
		did := fmt.Sprintf("had v1 write before each statement of the phases up to %s", w.name(i))
		lost, example := 0, ""
		for id, full := range want {
			if wrong := w.says(t.Context(), id, full, split(full), !w.last(i), true); wrong != "" {
				lost, example = lost+1, wrong
			}
		}
		expect.That(t, lost == 0, expect.Message{
			Did:  did,
			Want: fmt.Sprintf("after it, both read what v1 wrote to %d users", len(want)),
			Got:  fmt.Sprintf("for %d not, such as: %s", lost, example),
			Why: "instances of v1 go on writing while the rows are filled, and behind it: what was read before is old " +
				"when it is written"})
		if w.last(i) {
			break
		}
		for j := range 3 { // and when it has passed
			id := w.ids[(len(w.ids)/3*j+i)%len(w.ids)]
			full := fmt.Sprintf("Ada %d. King %d", i, j)
			err := old.rename(t.Context(), id, full)
			expect.NoError(t, err, expect.Message{Did: did + ", and after it", Want: "no error"})
			want[id] = full
			w.want(w.says(t.Context(), id, full, split(full), true, true), expect.Message{
				Did:  fmt.Sprintf("had v1 rename user %d after %s", id, w.name(i)),
				Want: "v2 reads what v1 wrote", Why: "the row has been filled, and nobody comes by again"})
		}
	}
	for id, full := range want {
		w.original[id] = full
	}
	w.want(w.wrongNames(), expect.Message{
		Did:  "had v1 write before each statement of each phase but the last, did that, too, and looked into users",
		Want: "first_name and last_name of each user"})
}

func TestAWriterIsUnderWay(t *testing.T) {
	w := newWorld(t, 1000)
	want := map[int64]string{}
	for _, id := range w.ids {
		want[id] = w.original[id]
	}
	for i := range len(w.phases) - 1 {
		commits, fails := w.begin(), w.begin()
		for j, id := range w.ids {
			full := fmt.Sprintf("Ada %d. Lovelace %d", i, id)
			tx := fails
			if j%2 == i%2 {
				want[id], tx = full, commits
			}
			_, err := tx.Exec(t.Context(), v1Update, id, full)
			expect.NoError(t, err, expect.Message{Did: "had v1 rename a user before " + w.name(i), Want: "no error"})
		}
		done := make(chan error, 1)
		go func() { done <- call(t.Context(), patience, w.phases[i].Up, w.db) }()
		if w.waits(done) {
			time.Sleep(tooLong + tooLong/4) // it may wait for a row as long as that takes
		}
		if err := commits.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := fails.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := <-done
		did := fmt.Sprintf("had v1 rename %d of 1000 users, for half of whom it committed, and for half of whom it did not, when %s "+
			"waited for that, or had ended", len(w.ids), w.name(i))
		expect.NoError(t, err, expect.Message{Did: did, Want: "the phase succeeds"})
		for id, full := range want {
			w.want(w.says(t.Context(), id, full, split(full), true, true), expect.Message{
				Did: did, Want: fmt.Sprintf("%q for v1, and the same for v2", full),
				Why: "an UPDATE that has to wait goes on with the row as it is then, and with what a subquery has read before"})
		}
	}
	w.up(len(w.phases) - 1)
	for id, full := range want {
		w.want(w.says(t.Context(), id, full, split(full), false, true), expect.Message{
			Did:  "had v1 rename users while each phase was done, for some of whom it did not commit; did all phases",
			Want: fmt.Sprintf("v2 reads %q", full)})
	}
}

func (w *world) begin() pgx.Tx {
	w.t.Helper()
	tx, err := w.own.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return tx
}

// waits waits until the phase that is being done waits for a lock, which it reports, or for three seconds, or until it
// is done.
func (w *world) waits(done chan error) bool {
	w.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && len(done) == 0; time.Sleep(2 * time.Millisecond) {
		if pg.Count(w.t, w.own, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND application_name = $1 AND wait_event_type = 'Lock'`, phasesApp) > 0 {
			return true
		}
	}
	return false
}
