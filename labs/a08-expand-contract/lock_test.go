package migrate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// strong is a lock on users that is in the way of writers, as the sampler saw it.
type strong struct {
	mode   string
	waits  int           // how often somebody waited for it, each in a transaction of its own
	waited time.Duration // the longest of these
	held   time.Duration // the longest that a transaction had it
}

// sampler looks every 5 ms who has which lock on users.
type sampler struct {
	mu    sync.Mutex
	locks map[string]*strong       // by mode
	since map[[2]string]time.Time  // when a transaction was first seen with this mode
	waits map[string]time.Duration // how long each wait has lasted so far
	asked time.Time                // when somebody was seen last who waits for a strong lock
	stop  context.CancelFunc
	done  chan struct{}
}

// sampled is in milliseconds how long a transaction has been waiting, by the server's own clock; NULL
// if it does not wait. Of the locks on a relation only those of the relation as such count: row locks,
// and that for making its file longer, have the relation, too.
const sampled = `
	SELECT l.virtualtransaction, l.mode, l.granted, clock_timestamp(), coalesce(l.waitstart::text, ''),
		coalesce(extract(epoch FROM clock_timestamp() - l.waitstart) * 1000, 0)::float8
	FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND l.relation = $1 AND a.backend_type = 'client backend'
		AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`

func (w *world) sample() *sampler {
	w.t.Helper()
	oid := pg.Value[uint32](w.t, w.own, `SELECT 'users'::regclass::oid`)
	ctx, cancel := context.WithCancel(w.t.Context())
	s := &sampler{locks: map[string]*strong{}, since: map[[2]string]time.Time{}, waits: map[string]time.Duration{},
		stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for ctx.Err() == nil {
			rows, err := w.own.Query(ctx, sampled, oid)
			if err == nil {
				s.look(rows)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return s
}

func (s *sampler) look(rows pgx.Rows) {
	defer rows.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for rows.Next() {
		var (
			tx, mode, since string
			granted         bool
			now             time.Time
			ms              float64
		)
		if rows.Scan(&tx, &mode, &granted, &now, &since, &ms) != nil {
			return
		}
		l := s.locks[mode]
		if l == nil {
			l = &strong{mode: mode}
			s.locks[mode] = l
		}
		if !granted {
			key := tx + mode + since
			if _, seen := s.waits[key]; !seen {
				l.waits++
			}
			s.asked = time.Now()
			s.waits[key] = time.Duration(ms * float64(time.Millisecond))
			l.waited = max(l.waited, s.waits[key])
			continue
		}
		key := [2]string{tx, mode}
		if s.since[key].IsZero() {
			s.since[key] = now
		}
		l.held = max(l.held, now.Sub(s.since[key]))
	}
}

// askedSince reports whether somebody has been waiting for a strong lock since then.
func (s *sampler) askedSince(then time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked.After(then)
}

// end is what was seen.
func (s *sampler) end() []strong {
	s.stop()
	<-s.done
	var all []strong
	for _, mode := range []string{"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"} {
		if l := s.locks[mode]; l != nil {
			l.mode = map[string]string{"ShareLock": "SHARE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
				"ExclusiveLock": "EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE"}[mode]
			all = append(all, *l)
		}
	}
	return all
}

// writes are instances of v1 or v2 that write all the time, and how long the slowest write took.
type writes struct {
	slowest time.Duration
	stop    context.CancelFunc
	done    chan struct{}
}

func (w *world) write(two bool) *writes {
	ctx, cancel := context.WithCancel(w.t.Context())
	wr := &writes{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(wr.done)
		for ctx.Err() == nil {
			start := time.Now()
			var err error
			if two {
				_, err = w.v2.create(ctx, "Ann", "Lee")
			} else {
				_, err = w.v1.create(ctx, "Ann Lee")
			}
			if err == nil {
				wr.slowest = max(wr.slowest, time.Since(start))
			}
			time.Sleep(3 * time.Millisecond)
		}
	}()
	return wr
}

func (wr *writes) end() time.Duration {
	wr.stop()
	<-wr.done
	return wr.slowest
}

// observed does f, which is a phase's Up or Down, while both versions that may run do, and draws on
// its lane of each picture what it did. It returns the locks and f's error.
func (w *world) observed(lane, what string, one, two bool, f func(*sampler) error,
	pictures ...*timeline.Timeline) ([]strong, error) {
	w.t.Helper()
	s := w.sample()
	var all []*writes
	if one {
		all = append(all, w.write(false))
	}
	if two {
		all = append(all, w.write(true))
	}
	var spans []timeline.Recorded
	for _, tl := range pictures {
		spans = append(spans, tl.Begin(lane, "%s", what))
	}
	err := f(s)
	locks := s.end()
	var slowest time.Duration
	for _, wr := range all {
		slowest = max(slowest, wr.end())
	}
	for i, tl := range pictures {
		for _, l := range locks {
			tl.Point(lane, "%s", l.mode)
			if l.waits > 0 {
				tl.Point(lane, "waited %d×, ≤ %d ms", l.waits, l.waited.Milliseconds())
			}
			held := fmt.Sprintf("%d ms", l.held.Milliseconds())
			if l.held < 5*time.Millisecond { // nobody has looked twice
				held = "< 5 ms"
			}
			tl.Point(lane, "held %s", held)
		}
		end := map[bool]string{true: "done", false: "failed"}[err == nil]
		spans[i].End("%s, writes ≤ %d ms", end, slowest.Milliseconds())
	}
	return locks, err
}

// lanes are the phases.
func (w *world) lanes(more ...string) (lanes []string) {
	for i, p := range w.phases {
		lanes = append(lanes, fmt.Sprintf("%d %.12s", i+1, p.Name))
	}
	return append(lanes, more...)
}

const tooLong = 500 * time.Millisecond // to wait for a strong lock

// sweeps is before how many statements of a phase a long transaction is tried.
const sweeps = 3

func TestALongTransaction(t *testing.T) {
	w := newWorld(t, 20)
	tl := timeline.New(w.lanes()...)
	last := len(w.phases) - 1
	for i := range last {
		k := 1
		for ; k <= sweeps && w.during(tl, i, k, "Up"); k++ {
			w.down(i, i)
		}
		if k > sweeps {
			w.up(i)
		}
	}
	for k := 1; k <= sweeps && w.during(tl, last, k, "Up"); k++ {
		expect.That(t, w.columns() == columnsAfter, expect.Message{
			Did: "did all phases while a transaction was open", Want: columnsAfter, Got: w.columns()})
		w.clear()
		w.fill(20)
		for i := range last {
			w.up(i)
		}
	}
	expect.Show(t, "the locks of each phase, a long transaction in its way, and the slowest write meanwhile", tl)
}

func TestALongTransactionOnTheWayBack(t *testing.T) {
	w := newWorld(t, 20)
	tl := timeline.New(w.lanes()...)
	for i := range len(w.phases) - 1 {
		w.up(i)
	}
	for i := len(w.phases) - 2; i >= 0; i-- {
		k := 1
		for ; k <= sweeps && w.during(tl, i, k, "Down"); k++ {
			w.up(i)
		}
		if k > sweeps {
			w.down(i, i)
		}
	}
	expect.That(t, w.columns() == columnsBefore, expect.Message{
		Did: "took all phases back while a transaction was open", Want: columnsBefore, Got: w.columns()})
}

// during does an Up or Down while a transaction is open, which begins before its statement k and ends a
// second after somebody has been seen to wait for a strong lock, or when the phase is done. It reports
// false if there is no such statement. In the picture is what happens before the first one.
func (w *world) during(all *timeline.Timeline, i, k int, what string) (reached bool) {
	w.t.Helper()
	if k > 1 {
		all = nil
	}
	one, two := !w.last(i), i > 0 && what == "Up"
	now := timeline.New(w.lanes("transaction")...)
	var (
		s    *sampler
		ends sync.WaitGroup
	)
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	st := &statements{app: phasesApp}
	st.before = func(n int) {
		if n == k {
			reached = true
			w.longTransaction(ctx, now, s, &ends, one)
		}
	}
	db := pg.Pool(w.t, st.option)
	f := w.phases[i].Up
	if what == "Down" {
		f = w.phases[i].Down
	}
	locks, err := w.observed(w.lanes()[i], what, one, two, func(sampler *sampler) error {
		s = sampler
		return call(w.t.Context(), patience, f, db)
	}, now, all)
	cancel()
	ends.Wait()
	did := fmt.Sprintf("called %s of %s. Before its statement %d another transaction began, which read users and wrote one; it "+
		"ended %v after it was in the way", what, w.name(i), k, time.Second)
	for _, l := range locks {
		if l.waited > tooLong && err == nil && !w.stoodStill {
			// A machine that stands still makes any wait long, but not the same one twice.
			w.stoodStill = true
			pg.Close(w.t, db)
			w.undo(i, what)
			return w.during(all, i, k, what)
		}
		if l.waited > tooLong {
			now.Point(w.lanes()[i], "too long").Breaks()
			expect.Fatal(w.t, expect.Message{
				Did: did,
				Want: fmt.Sprintf("it waits for %s at most %v at a time, and lets the others through before it tries "+
					"again", l.mode, tooLong),
				Got: fmt.Sprintf("it waited %v", l.waited.Round(time.Millisecond)),
				Why: "who waits for such a lock has everybody wait behind him who only wants to write a row: one report of a " +
					"minute, and the site is down for a minute", Picture: now})
		}
	}
	expect.NoError(w.t, err, expect.Message{
		Did: did, Want: "it goes on trying, and succeeds", Picture: now,
		Why: "there is always something under way; who gives up after a few tries never gets through"})
	pg.Close(w.t, db)
	return reached
}

// undo leaves everything as it was before an Up or a Down of a phase.
func (w *world) undo(i int, what string) {
	switch {
	case what == "Down":
		w.up(i)
	case w.last(i):
		w.clear()
		w.fill(20)
		for j := range i {
			w.up(j)
		}
	default:
		w.down(i, i)
	}
}

// longTransaction begins one, of v1 or v2. Where the phase has a lock on users itself it does without.
func (w *world) longTransaction(ctx context.Context, tl *timeline.Timeline, s *sampler,
	ends *sync.WaitGroup, one bool) {
	began := time.Now()
	tx, err := w.own.Begin(ctx)
	if err != nil {
		return
	}
	write := `INSERT INTO users (full_name) VALUES ('Ann Lee')`
	if !one {
		write = `INSERT INTO users (first_name, last_name) VALUES ('Ann', 'Lee')`
	}
	_, err = tx.Exec(ctx, `SET LOCAL lock_timeout = '20ms'; SELECT count(*) FROM users; `+write)
	if err != nil {
		tx.Rollback(context.Background())
		return
	}
	span := tl.Begin("transaction", "reads and writes")
	ends.Go(func() {
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		end := began.Add(3 * time.Second) // there are other ways to get a lock than to wait for it
		for seen := false; ctx.Err() == nil && time.Now().Before(end); {
			if !seen && s.askedSince(began) {
				seen, end = true, time.Now().Add(time.Second)
			}
			select {
			case <-poll.C:
			case <-ctx.Done():
			}
		}
		span.End("")
		tx.Commit(context.Background())
	})
}

func TestLocksAreShort(t *testing.T) {
	w := newWorld(t, 40_000)
	tl := timeline.New(w.lanes()...)
	const floor = 100 * time.Millisecond
	yardstick := w.copyTable()
	for i, p := range w.phases {
		locks, err := w.observed(w.lanes()[i], "Up", !w.last(i), i > 0, func(*sampler) error {
			return call(t.Context(), 3*patience, p.Up, w.db)
		}, tl)
		expect.NoError(t, err, expect.Message{Did: "called Up of " + w.name(i) + " with 40,000 users", Want: "it succeeds"})
		yardstick = max(yardstick, w.copyTable())
		limit := max(floor, yardstick/2)
		for _, l := range locks {
			if l.held > limit {
				tl.Point(w.lanes()[i], "too long").Breaks()
				expect.Fatal(t, expect.Message{
					Did: fmt.Sprintf("called Up of %s with 40,000 users", w.name(i)),
					Want: fmt.Sprintf("%s is held for %v at most (the larger of %v and half of what it takes here to copy the table)",
						l.mode, limit.Round(time.Millisecond), floor),
					Got:     fmt.Sprintf("it was held for %v", l.held.Round(time.Millisecond)),
					Why:     "for so long nobody can write, and with ten million users it is 250 times as long",
					Picture: tl})
			}
		}
	}
}

// copyTable is how long it takes to copy the table.
func (w *world) copyTable() time.Duration {
	w.t.Helper()
	start := time.Now()
	pg.Exec(w.t, w.own, `CREATE TABLE yardstick AS SELECT * FROM users`)
	took := time.Since(start)
	pg.Exec(w.t, w.own, `DROP TABLE yardstick`)
	return took
}

func TestBatches(t *testing.T) {
	const most = 5000
	w := newWorld(t, 20_000)
	start := pg.Value[int64](t, w.own, `SELECT pg_current_xact_id()::text::bigint`)
	for i := range w.phases {
		whole := w.watchTransactions(func() { w.up(i) })
		n, sum := 0, map[string]int{}
		for _, xid := range column[int64](t, w.own, `SELECT xmin::text::bigint FROM users WHERE xmin::text::bigint >= $1`, start) {
			tx := whole[xid]
			if tx == "" { // nobody has looked in time
				tx = fmt.Sprint(xid)
			}
			sum[tx]++
			n = max(n, sum[tx])
		}
		expect.That(t, n <= most, expect.Message{
			Did:  fmt.Sprintf("called Up of %s with 20,000 users", w.name(i)),
			Want: fmt.Sprintf("no transaction writes more than %d of them", most),
			Got:  fmt.Sprintf("one wrote %d", n),
			Why: "it keeps the lock of each row until it ends, so who writes one of these waits for all of them; and when it " +
				"fails, all of it was in vain",
		})
	}
	w.want(w.untouched(false, true), expect.Message{Did: "did all phases with 20,000 users", Want: "each has his name"})
}

// watchTransactions says of the numbers under which rows are written while f runs to which transaction
// they belong: each part that can be rolled back by itself has a number of its own.
func (w *world) watchTransactions(f func()) map[int64]string {
	w.t.Helper()
	whole := map[int64]string{}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			rows, err := w.own.Query(ctx, `SELECT transactionid::text::bigint, virtualtransaction FROM pg_locks
				WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock'`)
			if err == nil {
				var (
					xid int64
					tx  string
				)
				pgx.ForEachRow(rows, []any{&xid, &tx}, func() error { whole[xid] = tx; return nil })
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	f()
	cancel()
	<-done
	return whole
}
