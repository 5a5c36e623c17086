// Package queue is the way of submissions to their graders: a job of River's for each, inserted in the transaction that
// stores the submission. A worker that dies loses nothing: what it had begun is begun again elsewhere after seconds.
package queue

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"riverqueue.com/riverui"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// Attempts is how often a submission is begun whose grader breaks, before the verdict is that nobody could say.
const Attempts = 3

// Job is a submission to be graded in an epoch; together they are unique.
type Job struct {
	Submission int64 `json:"submission"`
	Epoch      int   `json:"epoch"`
}

// Kind is what River calls such jobs.
func (Job) Kind() string { return "grade" }

// Queue is where submissions wait. It may be used by several goroutines at once.
type Queue struct {
	store  *room.Store
	client *river.Client[*sql.Tx]
}

// New opens the queue of a room, and makes its tables where they are not there.
func New(ctx context.Context, s *room.Store) (*Queue, error) {
	if err := migrate(ctx, s); err != nil {
		return nil, fmt.Errorf("make the queue: %w", err)
	}
	q := &Queue{store: s}
	config := &river.Config{Logger: slog.New(slog.DiscardHandler)}
	var err error
	if s.Postgres() {
		q.client, err = river.NewClient(riverdatabasesql.New(s.DB()), config)
	} else {
		q.client, err = river.NewClient(riversqlite.New(s.DB()), config)
	}
	if err != nil {
		return nil, fmt.Errorf("make the queue: %w", err)
	}
	return q, nil
}

// own are the tables beside River's: which workers there are, and what each is at.
var own = []string{
	"CREATE TABLE IF NOT EXISTS workers (name TEXT PRIMARY KEY, beat BIGINT NOT NULL)",
	`CREATE TABLE IF NOT EXISTS working (job BIGINT PRIMARY KEY, worker TEXT NOT NULL, submission BIGINT NOT NULL,
		epoch INTEGER NOT NULL)`,
}

// migrateLock is the number of the advisory lock by which one machine at a time makes the tables.
const migrateLock = 0x6c616274

// migrate makes River's tables and its own.
func migrate(ctx context.Context, s *room.Store) error {
	config := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
	if s.Postgres() {
		return migratePostgres(ctx, s, config)
	}
	m, err := rivermigrate.New(riversqlite.New(s.DB()), config)
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return makeOwn(ctx, s.DB())
}

// migratePostgres does the same while no other machine does.
func migratePostgres(ctx context.Context, s *room.Store, config *rivermigrate.Config) error {
	m, err := rivermigrate.New(riverdatabasesql.New(s.DB()), config)
	if err != nil {
		return err
	}
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrateLock); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrateLock)
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return makeOwn(ctx, conn)
}

func makeOwn(ctx context.Context, db executor) error {
	for _, statement := range own {
		if err := exec(ctx, db, statement); err != nil {
			return err
		}
	}
	return nil
}

// The priorities of jobs. A participant of whom many repeated submissions wait has the later ones put behind those of
// others.
const (
	first     = 1
	repeated  = 2
	manyTimes = 3
	again     = 4 // a regrade
	many      = 3 // that wait of one participant
)

// Enqueue puts the grading of a submission into the queue, in the transaction that stores it. It is a [room.Enqueue].
func (q *Queue) Enqueue(ctx context.Context, tx *sql.Tx, submission int64, epoch, priority int) error {
	p := again
	switch priority {
	case room.FirstPriority:
		p = first
	case room.RepeatedPriority:
		p = repeated
		query := `SELECT COUNT(*) FROM submissions WHERE state = 0 AND participant =
			(SELECT participant FROM submissions WHERE id = $1)`
		var waiting int
		if err := tx.QueryRowContext(ctx, query, submission).Scan(&waiting); err != nil {
			return fmt.Errorf("queue the submission: %w", err)
		}
		if waiting > many {
			p = manyTimes
		}
	}
	_, err := q.client.InsertTx(ctx, tx, Job{submission, epoch}, &river.InsertOpts{Priority: p, MaxAttempts: Attempts,
		UniqueOpts: river.UniqueOpts{ByArgs: true}})
	if err != nil {
		return fmt.Errorf("queue the submission: %w", err)
	}
	return nil
}

// UI are River's own pages of the queue, served below prefix, such as /river. They are for the instructor alone. The
// handler works until ctx ends.
func (q *Queue) UI(ctx context.Context, prefix string) (http.Handler, error) {
	h, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(q.client, nil),
		Logger: slog.New(slog.DiscardHandler), Prefix: prefix, JobListHideArgsByDefault: true})
	if err != nil {
		return nil, fmt.Errorf("make the queue's pages: %w", err)
	}
	if err := h.Start(ctx); err != nil {
		return nil, fmt.Errorf("start the queue's pages: %w", err)
	}
	return h, nil
}
