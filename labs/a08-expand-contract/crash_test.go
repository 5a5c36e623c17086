package migrate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
)

// killed does Up of phase i in a process that is killed before its statement k. It reports whether
// Up came to its end before that.
func (w *world) killed(i, k int) (ended bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	s := &statements{app: killedApp, cancel: cancel}
	s.before = func(n int) {
		if n == k {
			s.kill()
		}
	}
	db := pg.Pool(w.t, s.option)
	err := call(ctx, patience, w.phases[i].Up, db)
	if s.dead() {
		if err != errHangs {
			pg.Close(w.t, db)
		}
		// The server learns of it in its own time, and takes back what was not committed.
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if pg.Count(w.t, w.own, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = $1`, killedApp) == 0 {
				break
			}
		}
		return false
	}
	pg.Close(w.t, db)
	did := fmt.Sprintf("called Up of %s", w.name(i))
	if k > 1 {
		did = fmt.Sprintf("killed Up of %s before statement %d, and called it again", w.name(i), k-1)
	}
	expect.NoError(w.t, err, expect.Message{Did: did, Want: "it goes on, and succeeds",
		Why: "the job that deploys is a process like others: it is killed, and started again"})
	return true
}

func TestKilledAnywhere(t *testing.T) {
	w := newWorld(t, 0)
	pg.Exec(t, w.own, `DROP TABLE users`)
	for i := range w.phases {
		strip := ""
		for k := 1; ; k++ {
			w.fill(60)
			for j := range i {
				w.up(j)
			}
			ended := w.killed(i, k)
			did := fmt.Sprintf("killed Up of %s before its statement %d (at those before it is well: %s)", w.name(i), k, strip)
			if ended {
				did = fmt.Sprintf("called Up of %s", w.name(i))
			}
			w.goOn(i, did)
			err := call(t.Context(), patience, w.phases[i].Up, w.db)
			expect.NoError(t, err, expect.Message{Did: did + ", and called it again", Want: "it succeeds",
				Why: "the job that deploys is a process like others: it is killed, and started again"})
			for j := i + 1; j < len(w.phases); j++ {
				w.up(j)
			}
			w.same(did + ", and called it again, and then the others")
			w.clear()
			strip += "✓"
			if ended {
				break
			}
		}
	}
}

func TestKilledInTheBackfill(t *testing.T) {
	w := newWorld(t, 20_000)
	for i := range w.phases {
		for k := 1; k < 60 && !w.killed(i, k); k++ {
			w.goOn(i, fmt.Sprintf("killed Up of %s before its statement %d", w.name(i), k))
		}
		w.up(i)
	}
	w.same("called Up of each phase with 20,000 users, killed it before its first statement, called it again, " +
		"killed it before the second, and so on until it ended")
}

// goOn has those write that are there when phase i has been killed.
func (w *world) goOn(i int, did string) {
	w.t.Helper()
	w.want(w.talk(w.t.Context(), !w.last(i), i > 0), expect.Message{
		Did:  did + ", and let those make, read and rename users who may run then",
		Want: "that works", Why: "until the job is started again, which may be tomorrow, the service goes on"})
	if w.last(i) {
		return
	}
	id := w.ids[len(w.ids)/2]
	err := w.v1.rename(w.t.Context(), id, "Grace Brewster Hopper")
	w.original[id] = "Grace Brewster Hopper"
	expect.NoError(w.t, err, expect.Message{Did: did + ", and had v1 rename a user", Want: "no error"})
}

// same looks whether all is as it would be if nobody had been killed.
func (w *world) same(did string) {
	w.t.Helper()
	expect.That(w.t, w.columns() == columnsAfter, expect.Message{Did: did, Want: columnsAfter, Got: w.columns()})
	w.want(w.wrongNames(), expect.Message{Did: did, Want: "first_name and last_name of each user",
		Why: "whoever comes after a crash does not know how far the other one came, unless the table says so"})
}

// clear removes whatever the phases have left.
func (w *world) clear() {
	w.t.Helper()
	pg.Exec(w.t, w.own, `DO $$
		DECLARE what text;
		BEGIN
			FOR what IN SELECT format('DROP TABLE IF EXISTS %I CASCADE', tablename) FROM pg_tables WHERE schemaname = 'public'
				UNION ALL SELECT format('DROP VIEW IF EXISTS %I CASCADE', viewname) FROM pg_views WHERE schemaname = 'public'
				UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
					WHERE pronamespace = 'public'::regnamespace
				UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %I CASCADE', sequencename) FROM pg_sequences
					WHERE schemaname = 'public'
			LOOP EXECUTE what; END LOOP;
		END $$`)
}
