package queue

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// Options are how a worker works.
type Options struct {
	Slots int    // submissions at once, at least 1
	Name  string // of this worker, in verdicts; "": the machine's

	// Grade judges files for a lab. Its error says that nobody could be judged: it is tried again, and after the last
	// time the verdict is [run.InfraError]. It ends when ctx does.
	Grade func(ctx context.Context, lab string, files map[string][]byte) (run.Result, error)

	// Timeout is the longest that one may take before it counts as broken; 0: ten minutes.
	Timeout time.Duration
	// Drain is how long those that have begun may take to end when the worker stops; the others go back at once.
	Drain   time.Duration
	Log     *slog.Logger          // nil for none
	Metrics prometheus.Registerer // nil for none

	// Beat is how often a worker says that it is alive, and Dead how long it may be silent before others take over what
	// it has begun; 0: one second and five.
	Beat, Dead time.Duration
}

// worker is one process that grades.
type worker struct {
	river.WorkerDefaults[Job]
	Options
	store   *room.Store
	name    string // one for each run of a worker
	metrics *metrics
}

// client is River's, on either database.
type client interface {
	Start(context.Context) error
	Stopped() <-chan struct{}
}

// Work grades what waits until ctx ends, then drains. It returns when nothing of it runs any more; the error says what
// keeps it from working at all.
func Work(ctx context.Context, s *room.Store, o Options) error {
	if err := migrate(ctx, s); err != nil {
		return fmt.Errorf("make the queue: %w", err)
	}
	w, err := newWorker(s, o)
	if err != nil {
		return err
	}
	c, done, err := w.client(ctx)
	if err != nil {
		return fmt.Errorf("reach the queue: %w", err)
	}
	defer done()
	if err := w.beat(ctx); err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return fmt.Errorf("reach the queue: %w", err)
	}
	hearts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go w.lives(hearts)
	w.Log.Info("worker ready", "worker", w.name, "slots", o.Slots)
	<-c.Stopped()
	stop()
	return w.leave()
}

func newWorker(s *room.Store, o Options) (*worker, error) {
	if o.Slots < 1 {
		return nil, fmt.Errorf("a worker needs at least one slot, not %d", o.Slots)
	}
	if o.Name == "" {
		o.Name, _ = os.Hostname()
	}
	for d, usual := range map[*time.Duration]time.Duration{&o.Timeout: 10 * time.Minute, &o.Beat: time.Second,
		&o.Dead: 5 * time.Second} {
		if *d == 0 {
			*d = usual
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &worker{Options: o, store: s, name: o.Name + "/" + strings.ToLower(rand.Text()[:6])}
	var err error
	w.metrics, err = newMetrics(s, o.Metrics)
	return w, err
}

// client is River's client; done closes what it has opened besides the store.
func (w *worker) client(ctx context.Context) (c client, done func(), err error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, w); err != nil {
		return nil, nil, err
	}
	config := &river.Config{ID: w.name, Workers: workers, Logger: slog.New(slog.DiscardHandler), MaxAttempts: Attempts,
		Queues:     map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: w.Slots}},
		JobTimeout: w.Options.Timeout, RescueStuckJobsAfter: w.Options.Timeout + time.Minute, SoftStopTimeout: w.Drain,
		FetchCooldown: 5 * time.Millisecond}
	if w.Drain <= 0 {
		config.SoftStopTimeout = time.Millisecond
	}
	if !w.store.Postgres() {
		config.FetchPollInterval = 100 * time.Millisecond
		c, err := river.NewClient(riversqlite.New(w.store.DB()), config)
		return c, func() {}, err
	}
	pool, err := pgxpool.New(ctx, w.store.URL())
	if err != nil {
		return nil, nil, err
	}
	pg, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pg, pool.Close, nil
}

// NextRetry is soon: what breaks a grader is seldom the submission.
func (w *worker) NextRetry(job *river.Job[Job]) time.Time { return time.Now().Add(time.Second) }

// Timeout leaves it to the client's.
func (w *worker) Timeout(*river.Job[Job]) time.Duration { return w.Options.Timeout }

// Work grades one submission. It returns an error only where the grader or the database broke: whatever is wrong with
// the submission is its verdict.
func (w *worker) Work(ctx context.Context, job *river.Job[Job]) error {
	id, epoch := job.Args.Submission, job.Args.Epoch
	task, err := w.store.Task(ctx, id, epoch)
	if err != nil || task.Graded {
		return err
	}
	if err := w.begin(ctx, job); err != nil {
		return err
	}
	v, err := w.grade(ctx, job, task)
	// what is written now is written also when the worker stops
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	end := w.end(job.ID)
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		w.Log.Info("given back", "submission", id, "epoch", epoch)
		return errors.Join(w.store.Return(write, id, epoch, end), river.JobSnooze(0))
	case err != nil && job.Attempt < Attempts:
		w.Log.Warn("grading broke", "submission", id, "epoch", epoch, "attempt", job.Attempt, "error", err)
		return errors.Join(w.store.Return(write, id, epoch, end), err)
	case err != nil:
		v.Result.Verdict = run.InfraError
		v.Result.Message = fmt.Sprintf("this could not be judged: %v\nhint: change the file (a comment is enough) and hand "+
			"it in again; it costs no points", err)
	}
	stored, err := w.store.Grade(write, v, end)
	if err != nil {
		return err
	}
	if stored {
		w.metrics.graded(v)
		w.Log.Info("graded", "submission", id, "epoch", epoch, "lab", v.Result.Lab, "verdict", string(v.Result.Verdict),
			"took", v.Done.Sub(v.Started))
	}
	return nil
}

// grade judges a submission; the verdict has everything but the result where that broke.
func (w *worker) grade(ctx context.Context, job *river.Job[Job], task room.Task) (v room.Verdict, err error) {
	v = room.Verdict{Submission: job.Args.Submission, Epoch: job.Args.Epoch, Worker: w.name, Started: time.Now()}
	v.Result = run.Result{Schema: run.Schema, Lab: task.Lab}
	defer func() { v.Done = time.Now() }()
	files, err := task.Files()
	if err != nil {
		return v, err
	}
	if job.Attempt > Attempts {
		return v, errors.New("the worker died each time")
	}
	r, err := w.Grade(ctx, v.Result.Lab, files)
	if err != nil {
		return v, err
	}
	if err := ctx.Err(); err != nil {
		return v, err
	}
	v.Result = r
	return v, nil
}

// begin notes that this worker is at a job.
func (w *worker) begin(ctx context.Context, job *river.Job[Job]) error {
	at := job.Args
	return w.store.Begin(ctx, at.Submission, at.Epoch, room.Statement{
		Query: `INSERT INTO working (job, worker, submission, epoch) VALUES (?, ?, ?, ?)
			ON CONFLICT (job) DO UPDATE SET worker = excluded.worker`,
		Args: []any{job.ID, w.name, at.Submission, at.Epoch}})
}

// end notes that it is not at it any more.
func (w *worker) end(job int64) room.Statement {
	return room.Statement{Query: "DELETE FROM working WHERE job = ? AND worker = ?", Args: []any{job, w.name}}
}

// executor is a database, or a transaction of it.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs a statement.
func exec(ctx context.Context, db executor, query string, args ...any) error {
	if _, err := db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// beat says that the worker is alive.
func (w *worker) beat(ctx context.Context) error {
	return exec(ctx, w.store.DB(), `INSERT INTO workers (name, beat) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET beat = workers.beat + 1`, w.name)
}

// leave is the end of a worker that has nothing any more.
func (w *worker) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.metrics.close()
	return errors.Join(exec(ctx, w.store.DB(), "DELETE FROM working WHERE worker = $1", w.name),
		exec(ctx, w.store.DB(), "DELETE FROM workers WHERE name = $1", w.name))
}

// lives says again and again that the worker is alive, and takes over from those that are not, until ctx ends.
func (w *worker) lives(ctx context.Context) {
	seen := map[string]heart{}
	tick := time.NewTicker(w.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := errors.Join(w.beat(ctx), w.takeOver(ctx, seen)); err != nil && ctx.Err() == nil {
			w.Log.Warn("the queue cannot be looked after", "error", err)
		}
	}
}

// heart is what was seen last of another worker: its count, and since when it has stood still by this machine's clock.
// So nobody's clock need be right.
type heart struct {
	beat  int64
	since time.Time
}

// takeOver puts back what silent workers had begun.
func (w *worker) takeOver(ctx context.Context, seen map[string]heart) error {
	silent, err := w.silent(ctx, seen)
	if err != nil {
		return err
	}
	for _, name := range silent {
		n, err := w.bury(ctx, name)
		if err != nil {
			return err
		}
		delete(seen, name)
		w.Log.Warn("a worker is gone; what it had begun begins again", "worker", name, "jobs", n)
	}
	return nil
}

func (w *worker) silent(ctx context.Context, seen map[string]heart) (names []string, err error) {
	rows, err := w.store.DB().QueryContext(ctx, "SELECT name, beat FROM workers WHERE name <> $1", w.name)
	if err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var beat int64
		if err := rows.Scan(&name, &beat); err != nil {
			return nil, fmt.Errorf("read the database: %w", err)
		}
		last, known := seen[name]
		switch {
		case !known || last.beat != beat:
			seen[name] = heart{beat, time.Now()}
		case time.Since(last.since) >= w.Dead:
			names = append(names, name)
		}
	}
	return names, rows.Err()
}

// bury puts the jobs of a dead worker back, and forgets it, in one transaction. An attempt that a death has ended counts:
// a submission that takes its worker along each time must end, too.
func (w *worker) bury(ctx context.Context, name string) (jobs int64, err error) {
	his := []any{name}
	return w.store.Write(ctx,
		room.Statement{Query: `UPDATE river_job SET state = 'available' WHERE state = 'running' AND id IN
			(SELECT job FROM working WHERE worker = ?)`, Args: his},
		room.Statement{Query: "UPDATE submissions SET state = 0, touched = " + w.store.Clock() + ` WHERE state = 1 AND id IN
			(SELECT submission FROM working WHERE worker = ? AND working.epoch = submissions.epoch)`, Args: his},
		room.Statement{Query: "DELETE FROM workers WHERE name = ?", Args: his},
		room.Statement{Query: "DELETE FROM working WHERE worker = ?", Args: his})
}
