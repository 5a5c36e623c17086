package migrate_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	migrate "github.com/backend-labs/backend-labs/labs/a08-expand-contract"
)

func TestWhatFailsSaysSo(t *testing.T) {
	w := newWorld(t, 60)
	readOnly := pg.Pool(t, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	})
	const (
		did  = "on a server that takes no writes for the moment, "
		each = did + "called Up of each phase, and again on one that does where it returned an error"
	)
	var believed []string
	for i := range w.phases {
		if i == 1 {
			w.noWrites(readOnly, did)
		}
		name := fmt.Sprintf("Up of %s", w.name(i))
		w.ends(name, w.phases[i].Up)
		if call(t.Context(), 2*time.Second, w.phases[i].Up, readOnly) == nil {
			believed = append(believed, name)
			continue
		}
		err := call(t.Context(), patience, w.phases[i].Up, w.db)
		w.want(says(err), expect.Message{
			Did: told(each+"; now "+name, believed), Want: "it succeeds", Why: swallowed})
	}
	all := told(each, believed)
	expect.That(t, w.columns() == columnsAfter, expect.Message{
		Did: all, Want: columnsAfter, Got: w.columns(), Why: swallowed})
	w.want(w.wrongNames(), expect.Message{Did: all, Want: "first_name and last_name of each user", Why: swallowed})
}

const swallowed = "who deploys goes on when a step says that it is done. If it is not, the next ones take away what " +
	"it should have saved"

// told adds what said that it was done.
func told(did string, believed []string) string {
	if len(believed) == 0 {
		return did
	}
	return did + " (nil, without a write, was returned by " + strings.Join(believed, " and ") + ")"
}

func says(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// noWrites has v2 write, and the first phase taken back, where that is not possible.
func (w *world) noWrites(readOnly *pgxpool.Pool, did string) {
	w.t.Helper()
	calls := w.v2Calls()
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		w.ends(name, calls[name])
		if name == "V2Get" {
			continue
		}
		err := call(w.t.Context(), patience, calls[name], readOnly)
		expect.That(w.t, err != nil, expect.Message{
			Did: did + "called " + name, Want: "an error", Got: "nil",
			Why: "the customer is told that it is saved, and it is nowhere"})
	}
	down := fmt.Sprintf("Down of %s", w.name(0))
	w.ends(down, w.phases[0].Down)
	if call(w.t.Context(), 2*time.Second, w.phases[0].Down, readOnly) == nil {
		expect.That(w.t, w.columns() == columnsBefore, expect.Message{
			Did: did + "called " + down + ", which returned nil", Want: columnsBefore, Got: w.columns(),
			Why: "who takes a step back believes that it is gone"})
	}
}

// v2Calls are those of v2, by name.
func (w *world) v2Calls() map[string]func(context.Context, *pgxpool.Pool) error {
	id := w.ids[0]
	return map[string]func(context.Context, *pgxpool.Pool) error{
		"V2Create": func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := migrate.V2Create(ctx, db, "Mary", "Watson")
			return err
		},
		"V2Rename": func(ctx context.Context, db *pgxpool.Pool) error {
			return migrate.V2Rename(ctx, db, id, "Mary", "Watson")
		},
		"V2Get": func(ctx context.Context, db *pgxpool.Pool) error {
			_, _, err := migrate.V2Get(ctx, db, id)
			return err
		},
	}
}

// ends demands that a call ends with its context while somebody else has users for himself, or lets others read.
func (w *world) ends(name string, f func(context.Context, *pgxpool.Pool) error) {
	w.t.Helper()
	for _, mode := range []string{"ACCESS EXCLUSIVE", "SHARE"} {
		tx, err := w.own.Begin(w.t.Context())
		if err == nil {
			_, err = tx.Exec(w.t.Context(), "LOCK TABLE users IN "+mode+" MODE")
		}
		if err != nil {
			w.t.Fatal(err)
		}
		err = call(w.t.Context(), 300*time.Millisecond, f, w.db)
		// The server learns of it in its own time. With the lock gone before, it would do what nobody waits for.
		for end := time.Now().Add(patience); time.Now().Before(end) && err != errHangs; time.Sleep(time.Millisecond) {
			if pg.Count(w.t, w.own, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = $1 AND state = 'active'`, phasesApp) == 0 {
				break
			}
		}
		tx.Rollback(context.WithoutCancel(w.t.Context()))
		said := "nil"
		if err != nil {
			said = err.Error()
		}
		// Whoever only reads is not in the way of SHARE, and a step may have nothing to do.
		hangs, done := err == errHangs, err == nil && mode == "ACCESS EXCLUSIVE" && strings.HasPrefix(name, "V2")
		expect.That(w.t, !hangs && !done, expect.Message{
			Did: fmt.Sprintf("called %s with a ctx that ends after 300 ms, while somebody has users LOCKed IN %s MODE",
				name, mode),
			Want: "it ends with its ctx, and returns an error", Got: said,
			Why: "behind the ctx is a deployment that has been called off, or a customer who has gone. What goes on " +
				"without them holds a connection, and does its work when nobody expects it any more",
		})
	}
}
