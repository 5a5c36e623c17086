package room

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// Limit says that somebody has handed in too often.
type Limit struct{ Again time.Duration }

func (e *Limit) Error() string { return "too many submissions" }

// Enqueue puts the grading of a submission into the queue, in the transaction that stores it. Lower priorities come
// first: 1 for a first submission, 2 for a repeated one, 3 for a regrade.
type Enqueue func(ctx context.Context, tx *sql.Tx, submission int64, epoch, priority int) error

// The priorities.
const (
	FirstPriority    = 1
	RepeatedPriority = 2
	RegradePriority  = 3
)

// The states of a submission, as they are stored.
const (
	waiting = 0
	grading = 1
	graded  = 2
)

// Submit stores the files and puts their grading into the queue, both or neither. again says that the same was there:
// then nothing is done. Errors: ErrClosed, ErrEnded, ErrNotFound for a lab that the room has not, *Limit.
func (s *Store) Submit(ctx context.Context, participant int64, lab string, files map[string][]byte, enqueue Enqueue) (
	sub Submission, again bool, err error) {
	content := contentOf(files)
	packed, err := pack(files)
	if err != nil {
		return sub, false, err
	}
	var id int64
	err = s.change(ctx, func(t *tx) error {
		now := s.now()
		// The row is this transaction's own until it ends: two at once of the same participant are one after the other.
		if n, err := t.exec("UPDATE participants SET seen = ? WHERE id = ? AND removed = 0", micros(now),
			participant); err != nil || n == 0 {
			return errors.Join(err, missing(n, ErrToken))
		}
		set, err := t.setting(lab)
		if err != nil {
			return err
		}
		switch err := t.one("SELECT id FROM submissions WHERE participant = ? AND lab = ? AND content = ?",
			[]any{participant, lab, content}, &id); {
		case err == nil:
			again = true
			return nil
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if err := t.mayHandIn(set, participant, now); err != nil {
			return err
		}
		var before int
		if err := t.one("SELECT COUNT(*) FROM submissions WHERE participant = ? AND lab = ?", []any{participant, lab},
			&before); err != nil {
			return err
		}
		late := !set.Deadline.IsZero() && now.After(set.Deadline)
		if err := t.one(`INSERT INTO submissions (participant, lab, content, files, at, late, is_first, epoch, state,
			touched) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, `+s.Clock()+`) RETURNING id`, []any{participant, lab, content, packed, micros(now), bit(late),
			bit(before == 0)}, &id); err != nil {
			return err
		}
		priority := RepeatedPriority
		if before == 0 {
			priority = FirstPriority
		}
		return enqueue(ctx, t.Tx, id, 0, priority)
	})
	if err != nil {
		return sub, false, err
	}
	sub, err = s.Submission(ctx, id)
	return sub, again, err
}

// missing is err where nothing was found.
func missing(rows int64, err error) error {
	if rows > 0 {
		return nil
	}
	return err
}

// mayHandIn reports why a participant may not hand in now: ErrEnded, ErrClosed, a *Limit. What is left of the limit is
// less afterwards.
func (t *tx) mayHandIn(set Setting, participant int64, now time.Time) error {
	r, err := scanRoom(t.QueryRowContext(t.ctx, selectRoom))
	if err != nil {
		return err
	}
	if err := r.open(now); err != nil {
		return err
	}
	if !set.Open {
		return ErrClosed
	}
	if set.PerHour == 0 {
		return nil
	}
	most, each := float64(set.PerHour), time.Hour/time.Duration(set.PerHour)
	tokens, at := most, micros(now)
	err = t.one("SELECT tokens, at FROM buckets WHERE participant = ? AND lab = ?", []any{participant, set.Lab}, &tokens, &at)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	tokens = min(most, tokens+max(0, float64(now.Sub(moment(at)))/float64(each)))
	if tokens < 1 {
		return &Limit{Again: time.Duration(math.Ceil((1 - tokens) * float64(each)))}
	}
	_, err = t.exec(`INSERT INTO buckets (participant, lab, tokens, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (participant, lab) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`, participant, set.Lab,
		tokens-1, micros(now))
	return err
}

// contentOf is the SHA-256 of files, by their names and lengths.
func contentOf(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// selectSubmission has all of a submission but its place, the files and the whole result.
const selectSubmission = `SELECT s.id, s.participant, s.lab, s.content, s.at, s.late, s.is_first, s.epoch, s.state,
	v.verdict, v.points, v.max_points, v.failing, v.mutant, v.worker, v.started, v.done, o.points, o.reason, o.at
	FROM submissions AS s LEFT JOIN verdicts AS v ON v.submission = s.id AND v.epoch = s.epoch
	LEFT JOIN overrides AS o ON o.submission = s.id`

func scanSubmission(row scanner) (s Submission, err error) {
	var at int64
	var late, first, state int
	var verdict, failing, mutant, worker, reason sql.NullString
	var points, most, started, done, overPoints, overAt sql.NullInt64
	if err := row.Scan(&s.ID, &s.Participant, &s.Lab, &s.Content, &at, &late, &first, &s.Epoch, &state, &verdict, &points,
		&most, &failing, &mutant, &worker, &started, &done, &overPoints, &reason, &overAt); err != nil {
		return s, err
	}
	s.At, s.Late, s.First, s.Begun = moment(at), late == 1, first == 1, state != waiting
	if verdict.Valid {
		v := Verdict{Submission: s.ID, Epoch: s.Epoch, Worker: worker.String, Started: moment(started.Int64),
			Done: moment(done.Int64)}
		v.Result = run.Result{Schema: run.Schema, Lab: s.Lab, Verdict: run.Verdict(verdict.String), Points: int(points.Int64),
			MaxPoints: int(most.Int64)}
		if v.Failing, err = unlist(failing.String); err != nil {
			return s, err
		}
		if mutant.String != "" {
			v.Result.Likely = &run.Likely{Mutant: mutant.String}
		}
		s.Graded = &v
	}
	if reason.Valid {
		s.Override = &Override{Points: int(overPoints.Int64), Reason: reason.String, At: moment(overAt.Int64)}
	}
	return s, nil
}

// Submission is one, with its place in the queue, its latest applied verdict and its override.
func (s *Store) Submission(ctx context.Context, id int64) (Submission, error) {
	sub, err := scanSubmission(s.read.QueryRowContext(ctx, s.q(selectSubmission+" WHERE s.id = ?"), id))
	if err := found(err); err != nil {
		return sub, err
	}
	if sub.Graded != nil {
		var packed []byte
		if err := s.one(ctx, "SELECT result FROM verdicts WHERE submission = ? AND epoch = ?", []any{id, sub.Epoch},
			&packed); err != nil {
			return sub, err
		}
		return sub, unpack(packed, &sub.Graded.Result)
	}
	if sub.Begun {
		return sub, nil
	}
	err = s.one(ctx, `SELECT COUNT(*) FROM submissions WHERE state = 0 AND (is_first > ? OR is_first = ? AND id < ?)`,
		[]any{bit(sub.First), bit(sub.First), id}, &sub.Place)
	return sub, err
}

// Submissions are those of a participant (0: of all) for a lab ("": all), oldest first. Of results they have verdict,
// points, failing tests and mutant alone: [Store.Submission] has the whole.
func (s *Store) Submissions(ctx context.Context, participant int64, lab string) (all []Submission, err error) {
	err = s.all(ctx, selectSubmission+` WHERE (s.participant = ? OR ? = 0) AND (s.lab = ? OR ? = '') ORDER BY s.id`,
		[]any{participant, participant, lab, lab}, func(row scanner) error {
			sub, err := scanSubmission(row)
			all = append(all, sub)
			return err
		})
	return all, err
}

// SubmissionsSince are those, of all participants and labs, that are new or stand elsewhere since a mark; some that do not
// may be among them.
func (s *Store) SubmissionsSince(ctx context.Context, m Mark) (all []Submission, err error) {
	err = s.all(ctx, selectSubmission+m.since("s.touched")+" ORDER BY s.id", nil, func(row scanner) error {
		sub, err := scanSubmission(row)
		all = append(all, sub)
		return err
	})
	return all, err
}

// Files are what was handed in.
func (s *Store) Files(ctx context.Context, submission int64) (files map[string][]byte, err error) {
	var packed []byte
	if err := s.one(ctx, "SELECT files FROM submissions WHERE id = ?", []any{submission}, &packed); err != nil {
		return nil, err
	}
	return files, unpack(packed, &files)
}

// Task is what a grader has to know of a submission.
type Task struct {
	Lab    string
	Graded bool // it has its verdict of this epoch
	packed []byte
}

// Files are what was handed in.
func (t Task) Files() (files map[string][]byte, err error) { return files, unpack(t.packed, &files) }

// Task is what a grader has to know of a submission that it is to grade in an epoch.
func (s *Store) Task(ctx context.Context, submission int64, epoch int) (t Task, err error) {
	err = s.one(ctx, `SELECT s.lab, s.files, EXISTS (SELECT 1 FROM verdicts AS v WHERE v.submission = s.id AND v.epoch = ?)
		FROM submissions AS s WHERE s.id = ?`, []any{epoch, submission}, &t.Lab, &t.packed, &t.Graded)
	return t, err
}

// Override puts an instructor's word in place of the grader's; nil takes it back.
func (s *Store) Override(ctx context.Context, submission int64, o *Override) error {
	return s.change(ctx, func(t *tx) error {
		var participant int64
		if err := t.one("SELECT participant FROM submissions WHERE id = ?", []any{submission}, &participant); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE submissions SET touched = "+s.Clock()+" WHERE id = ?", submission); err != nil {
			return err
		}
		what := fmt.Sprintf("submission %d", submission)
		if o == nil {
			if _, err := t.exec("DELETE FROM overrides WHERE submission = ?", submission); err != nil {
				return err
			}
			return t.note("instructor", "took back the override of", what, "")
		}
		if _, err := t.exec(`INSERT INTO overrides (submission, points, reason, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (submission) DO UPDATE SET points = excluded.points, reason = excluded.reason, at = excluded.at`,
			submission, o.Points, o.Reason, micros(s.now())); err != nil {
			return err
		}
		return t.note("instructor", "overrode", what, fmt.Sprintf("%d points: %s", o.Points, o.Reason))
	})
}
