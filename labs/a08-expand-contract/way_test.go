package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/proc"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	migrate "github.com/backend-labs/backend-labs/labs/a08-expand-contract"
)

func TestTheWholeWay(t *testing.T) {
	w := newWorld(t, 20_000)
	for i := range w.phases {
		w.up(i)
		w.want(w.untouched(!w.last(i), w.last(i)), expect.Message{
			Did:  fmt.Sprintf("had 20,000 users, did the phases up to %s, and read", w.name(i)),
			Want: "each of them has the name that he had"})
	}
	expect.That(t, w.columns() == columnsAfter, expect.Message{
		Did: "did all phases, and looked at users", Want: columnsAfter, Got: w.columns(),
		Why: "what is left of the old column is read by somebody, and one day it is wrong"})
	n := pg.Count(t, w.own, `SELECT count(*) FROM users`)
	expect.That(t, n == 20_000, expect.Message{Did: "did all phases with 20,000 users", Want: "20,000 users",
		Got: strconv.Itoa(n)})
	w.want(w.talk(t.Context(), false, true, w.ids[0]), expect.Message{
		Did: "did all phases, and let v2 make, read and rename users", Want: "that works"})
}

func TestOnlyTheLastPhaseRequiresV1Gone(t *testing.T) {
	w := newWorld(t, 10)
	for i, p := range w.phases {
		expect.That(t, p.RequiresV1Gone == w.last(i), expect.Message{
			Did:  "looked at RequiresV1Gone of " + w.name(i),
			Want: fmt.Sprint(w.last(i)),
			Got:  fmt.Sprint(p.RequiresV1Gone),
			Why: "without it the runner takes the column away from instances that still run; with it on another phase " +
				"it waits for a moment that comes only later",
		})
		if w.last(i) {
			break
		}
		w.up(i)
		w.want(w.talk(t.Context(), true, false, w.ids[0]), expect.Message{
			Did:  fmt.Sprintf("did %s, and let v1 make, read and rename users", w.name(i)),
			Want: "that works: this phase does not say that v1 must be gone"})
	}
}

// odd are names that v1 writes.
var odd = []string{"Ann Lee", "Cher", "Juan Ramón Jiménez", "", " ", "Trailing ", " Leading", "two  spaces", "李 小龍", "tab\tbed up",
	"nb\u00a0space too", "O'Hara %s", `back\slash "quoted"`}

// even are names that v2 writes.
var even = []names{{"Ann", "Lee"}, {"Mary Jane", "Watson"}, {"Cher", ""}, {"Madonna Louise", ""}, {"Juan", "Ramón Jiménez"},
	{"", ""}, {"", "Prince"}, {"小龍", "李"}, {"O'Hara", "%s $1"}, {"Ann ", "Lee"}, {" ", "x"}}

func TestNames(t *testing.T) {
	w := newWorld(t, 1000)
	w.ids = column[int64](t, w.own, `SELECT id FROM users ORDER BY id`)
	ctx := t.Context()
	byV1, byV2 := map[int64]*string{}, map[int64]names{}
	v1Writes := func(when string, two bool) {
		var id int64
		for i := range len(odd) + 1 {
			var full *string
			if i < len(odd) {
				full = &odd[i]
			}
			made, err := w.v1.create(ctx, full)
			if err == nil && i == 0 {
				id, err = w.v1.create(ctx, "Ann Lee")
			}
			if err == nil {
				err = w.v1.rename(ctx, id, full)
			}
			expect.NoError(t, err, expect.Message{Did: fmt.Sprintf("had v1 write the name %s %s", quote(full), when), Want: "no error"})
			byV1[made], byV1[id] = full, full
			if i < len(odd) { // else from what it was to the next one, and to NULL in the end
				other, err := w.v1.create(ctx, nil)
				if err == nil {
					err = w.v1.rename(ctx, other, full)
				}
				expect.NoError(t, err, expect.Message{Did: fmt.Sprintf("had v1 write %s over NULL %s", quote(full), when), Want: "no error"})
				byV1[other] = full
			}
			if !two {
				continue
			}
			other, err := w.v2.create(ctx, "Mary Jane", "Watson")
			if err == nil {
				err = w.v1.rename(ctx, other, full)
			}
			expect.NoError(t, err, expect.Message{
				Did: fmt.Sprintf("had v1 write %s over a name of v2 %s", quote(full), when), Want: "no error"})
			byV1[other] = full
		}
	}
	v2Writes := func(when string, one bool) {
		for _, n := range even {
			id, err := w.v2.create(ctx, n.first, n.last)
			// From names of which both halves change, and one; the last time is there, though nothing changes.
			for _, before := range []names{{"Ida", "Wells"}, {n.first, "Wells"}, {"Ida", n.last}, n} {
				var old int64
				if err == nil {
					old, err = w.v2.create(ctx, before.first, before.last)
				}
				if err == nil {
					err = w.v2.rename(ctx, old, n)
				}
				byV2[old] = n
			}
			if err == nil && one {
				var null int64
				if null, err = w.v1.create(ctx, nil); err == nil {
					err = w.v2.rename(ctx, null, n)
					byV2[null] = n
				}
			}
			of := w.ids[0] // whom v1 has made, before the first phase
			w.ids = append(w.ids[1:], of)
			if err == nil {
				err = w.v2.rename(ctx, of, n)
			}
			expect.NoError(t, err, expect.Message{Did: fmt.Sprintf("had v2 write %v %s", n, when), Want: "no error"})
			byV2[id], byV2[of] = n, n
		}
	}
	v1Writes("before the first phase", false)
	for i := range w.phases {
		w.upIn(i, patience/2)
		when := "after " + w.name(i)
		for range 2 {
			w.read(byV1, byV2, when, !w.last(i))
			v2Writes(when, !w.last(i))
			if !w.last(i) {
				v1Writes(when, true)
			}
		}
	}
	w.read(byV1, byV2, "after all phases", false)
}

// read has both versions read what either has written.
func (w *world) read(byV1 map[int64]*string, byV2 map[int64]names, when string, one bool) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, id := range slices.Sorted(maps.Keys(byV1)) {
		full := byV1[id]
		n := names{}
		if full != nil {
			n = split(*full)
		}
		got, err := w.v2.get(ctx, id)
		expect.That(w.t, err == nil && got == n, expect.Message{
			Did: fmt.Sprintf("had v1 write the name %s, and v2 read it %s", quote(full), when), Want: n.String(), Got: said(got, err)})
		if !one {
			continue
		}
		old, err := w.v1.get(ctx, id)
		expect.That(w.t, err == nil && quote(old) == quote(full), expect.Message{
			Did: fmt.Sprintf("had v1 write a name, and read it %s", when), Want: quote(full), Got: said(quote(old), err),
			Why: "a migration is no time to correct what customers have written"})
	}
	for _, id := range slices.Sorted(maps.Keys(byV2)) {
		n := byV2[id]
		got, err := w.v2.get(ctx, id)
		expect.That(w.t, err == nil && got == n, expect.Message{
			Did: fmt.Sprintf("had v2 write a name, and read it %s", when), Want: n.String(), Got: said(got, err)})
		if !one {
			continue
		}
		old, err := w.v1.get(ctx, id)
		expect.That(w.t, err == nil && old != nil && *old == n.full(), expect.Message{
			Did:  fmt.Sprintf("had v2 write %v, and v1 read it %s", n, when),
			Want: strconv.Quote(n.full()), Got: said(quote(old), err),
			Why: "as long as instances of v1 run, half of the requests are answered by them"})
	}
}

func said(what any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(what)
}

func TestAMissingUser(t *testing.T) {
	w := newWorld(t, 10)
	for i := range w.phases {
		w.up(i)
		for _, id := range []int64{0, -1, 1 << 40} {
			_, err := w.v2.get(t.Context(), id)
			expect.That(t, sentinel.Is(err, pgx.ErrNoRows), expect.Message{
				Did:  fmt.Sprintf("called V2Get of user %d, who is not there, after %s", id, w.name(i)),
				Want: "pgx.ErrNoRows", Got: fmt.Sprint(err), Why: "a 404 must not become an empty name or a 500"})
			err = w.v2.rename(t.Context(), id, names{"Ann", "Lee"})
			expect.That(t, sentinel.Is(err, pgx.ErrNoRows), expect.Message{
				Did:  fmt.Sprintf("called V2Rename of user %d, who is not there, after %s", id, w.name(i)),
				Want: "pgx.ErrNoRows", Got: fmt.Sprint(err), Why: "the customer is told that it has been done, and it has not"})
		}
		n := pg.Count(t, w.own, `SELECT count(*) FROM users`)
		expect.That(t, n == 10, expect.Message{Did: "renamed users who are not there", Want: "still 10 users", Got: strconv.Itoa(n)})
	}
}

func TestDown(t *testing.T) {
	w := newWorld(t, 2000)
	ctx := t.Context()
	renamed := w.ids[:0:0]
	strange := map[int64]string{}
	for _, full := range odd {
		id, err := w.v1.create(ctx, full)
		expect.NoError(t, err, expect.Message{Did: "had v1 make a user before the first phase", Want: "no error"})
		strange[id] = full
	}
	for i := range len(w.phases) - 1 {
		for j := range i + 1 {
			w.up(j)
		}
		did := fmt.Sprintf("did the phases up to %s; took them back, the last one first", w.name(i))
		n := names{"Mary Jane", fmt.Sprint("Watson ", i)}
		made, err := w.v2.create(ctx, n.first, n.last)
		id := w.ids[len(w.ids)-1-i]
		if err == nil {
			err = w.v2.rename(ctx, id, n)
		}
		if err == nil { // and v1 this one
			err = w.v1.rename(ctx, w.ids[i], fmt.Sprint("Ada Lovelace ", i))
		}
		expect.NoError(t, err, expect.Message{Did: fmt.Sprintf("did the phases up to %s, and had both versions write", w.name(i)), Want: "no error"})
		renamed = append(renamed, made, id)
		w.want(w.downWhileWriting(i), expect.Message{
			Did:  did + ", and had v1 make and rename a user before each statement of it",
			Want: "that works",
			Why: "taken back is what is on fire already, and all are served by v1 then: what fails between two statements is an " +
				"outage in the middle of the other one"})
		expect.That(t, w.columns() == columnsBefore, expect.Message{Did: did, Want: "columns " + columnsBefore, Got: w.columns()})
		for _, id := range []int64{made, id} {
			w.want(w.says(ctx, id, n.full(), n, true, false), expect.Message{
				Did:  fmt.Sprintf("did the phases up to %s; had v2 make a user, and rename another; took them back", w.name(i)),
				Want: fmt.Sprintf("v1 reads %q for both", n.full()),
				Why:  "who rolls back keeps what customers did in the meantime, or has an outage and a loss of data"})
		}
		full := fmt.Sprint("Ada Lovelace ", i)
		w.want(w.says(ctx, w.ids[i], full, split(full), true, false), expect.Message{
			Did: did + "; meanwhile v1 had renamed a user", Want: fmt.Sprintf("%q", full)})
		for _, id := range slices.Sorted(maps.Keys(strange)) {
			got, err := w.v1.get(ctx, id)
			expect.That(t, err == nil && got != nil && *got == strange[id], expect.Message{
				Did: did + ", and had v1 read what it had written before", Want: strconv.Quote(strange[id]), Got: said(quote(got), err),
				Why: "what nobody has changed is as it was: that is what taking back means"})
		}
		w.want(w.talk(ctx, true, false, w.ids[len(w.ids)/2]), expect.Message{
			Did:  did + ", and let v1 make, read and rename users",
			Want: "that works", Why: "what is left behind, such as a trigger, fails at the next write, when all think it is over"})
	}
	for i := range w.phases {
		w.up(i)
	}
	expect.That(t, w.columns() == columnsAfter, expect.Message{
		Did: "rolled back, and did all phases again", Want: columnsAfter, Got: w.columns()})
	for i, id := range renamed {
		full := fmt.Sprint("Mary Jane Watson ", i/2) // and where it is split now is not asked
		got, err := w.v2.get(ctx, id)
		expect.That(t, err == nil && got.full() == full, expect.Message{
			Did: "had v2 name users; rolled back, and did all phases again", Want: full, Got: said(got, err)})
	}
}

// downWhileWriting takes phase i and those before it back while v1 writes before each of their statements. It returns
// what v1 was told, or "". That a row or the table is locked then is no error.
func (w *world) downWhileWriting(i int) (wrong string) {
	w.t.Helper()
	hurried := v1{pg.Pool(w.t, quick)}
	s := &statements{app: phasesApp, before: func(n int) {
		if n > 40 || wrong != "" {
			return
		}
		id, err := hurried.create(w.t.Context(), "Ida Bell Wells")
		if err == nil {
			err = hurried.rename(w.t.Context(), id, "Ida B. Wells")
		}
		if refused := (*pgconn.PgError)(nil); err != nil && !(errors.As(err, &refused) && refused.Code == "55P03") {
			wrong = fmt.Sprintf("before statement %d: %v", n, err)
		}
	}}
	db := w.db
	w.db = pg.Pool(w.t, s.option)
	w.down(i, 0)
	w.db = db
	return wrong
}

func init() { proc.Handle("phase", phase) }

// phase is the process that does one phase.
func phase() int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := pgxpool.New(ctx, os.Getenv("DSN"))
	if err == nil {
		defer db.Close()
		i, _ := strconv.Atoi(os.Getenv("PHASE"))
		err = migrate.Phases()[i].Up(ctx, db)
	}
	fmt.Println("ended:", err)
	return 0
}

func TestAnotherProcess(t *testing.T) {
	w := newWorld(t, 100)
	for i := range w.phases {
		p := proc.Start(t, "phase", proc.Options{Env: []string{"DSN=" + pg.DSN(t), "PHASE=" + strconv.Itoa(i)}})
		got := p.WaitLine("ended: ")
		p.Wait(time.Second)
		expect.That(t, got == "<nil>", expect.Message{
			Did: fmt.Sprintf("had another process do %s", w.name(i)), Want: "it succeeds", Got: got})
		w.want(w.talk(t.Context(), !w.last(i), true, w.ids[i]), expect.Message{
			Did:  fmt.Sprintf("had another process do %s, and let both versions make, read and rename users", w.name(i)),
			Want: "that works",
			Why:  "phases run in a job of their own; what this remembers in a variable the instances of v2 do not know"})
	}
}
