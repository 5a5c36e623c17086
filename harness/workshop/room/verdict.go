package room

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// Begin notes that a worker has begun with a submission; what the queue writes besides is written with it or not at all.
func (s *Store) Begin(ctx context.Context, submission int64, epoch int, also ...Statement) error {
	return s.stands(ctx, submission, epoch, waiting, grading, also)
}

// Return notes that a submission waits again: the worker that had begun with it will not finish.
func (s *Store) Return(ctx context.Context, submission int64, epoch int, also ...Statement) error {
	return s.stands(ctx, submission, epoch, grading, waiting, also)
}

func (s *Store) stands(ctx context.Context, submission int64, epoch, was, now int, also []Statement) error {
	_, err := s.Write(ctx, append([]Statement{{"UPDATE submissions SET state = ?, touched = " + s.Clock() +
		" WHERE id = ? AND epoch = ? AND state = ?", []any{now, submission, epoch, was}}}, also...)...)
	return err
}

// Grade stores a verdict. One that is there for this epoch already stays, and false is returned.
func (s *Store) Grade(ctx context.Context, v Verdict, also ...Statement) (stored bool, err error) {
	packed, err := pack(v.Result)
	if err != nil {
		return false, err
	}
	mutant := ""
	if v.Result.Likely != nil {
		mutant = v.Result.Likely.Mutant
	}
	rows, err := s.Write(ctx, append([]Statement{
		{`INSERT INTO verdicts (submission, epoch, verdict, points, max_points, failing, mutant, result, worker, started, done)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (submission, epoch) DO NOTHING`, []any{v.Submission, v.Epoch,
			string(v.Result.Verdict), v.Result.Points, v.Result.MaxPoints, list(failingOf(v.Result)), mutant, packed,
			v.Worker, micros(v.Started), micros(v.Done)}},
		{"UPDATE submissions SET state = ?, touched = " + s.Clock() + " WHERE id = ? AND epoch = ?",
			[]any{graded, v.Submission, v.Epoch}},
	}, also...)...)
	return rows > 0, err
}

// failingOf are the tests that did not pass.
func failingOf(r run.Result) (tests []string) {
	for _, c := range r.Checks {
		if c.Verdict != run.Passed && c.Verdict != run.NotJudged {
			tests = append(tests, c.Test)
		}
	}
	return tests
}

// Queue is how many wait and are being graded, regrades among them, when the oldest of the waiting was handed in, and
// how many were graded in the last minute.
func (s *Store) Queue(ctx context.Context) (wait, now int, oldest time.Time, lately int, err error) {
	var at int64
	err = s.one(ctx, `SELECT COALESCE(SUM(CASE WHEN state = 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN state = 0 THEN at END), 0) FROM submissions WHERE state < 2`, nil, &wait, &now, &at)
	if err != nil {
		return 0, 0, oldest, 0, err
	}
	var again int
	if err := s.one(ctx, `SELECT COUNT(*) FROM regraded AS r JOIN regrades AS g ON g.id = r.regrade LEFT JOIN verdicts AS v
		ON v.submission = r.submission AND v.epoch = r.epoch WHERE v.submission IS NULL AND g.applied = 0 AND g.dropped = 0`,
		nil, &again); err != nil {
		return 0, 0, oldest, 0, err
	}
	err = s.one(ctx, "SELECT COUNT(*) FROM verdicts WHERE done >= ?", []any{micros(s.now().Add(-time.Minute))}, &lately)
	return wait + again, now, moment(at), lately, err
}

// Regrade puts submissions into the queue again, for an epoch that does not count before [Store.Apply].
func (s *Store) Regrade(ctx context.Context, submissions []int64, reason string, enqueue Enqueue) (Regrade, error) {
	if len(submissions) == 0 {
		return Regrade{}, ErrNotFound
	}
	var id int64
	err := s.change(ctx, func(t *tx) error {
		if err := t.one("INSERT INTO regrades (reason, begun, applied, dropped) VALUES (?, ?, 0, 0) RETURNING id",
			[]any{reason, micros(s.now())}, &id); err != nil {
			return err
		}
		for _, sub := range submissions {
			var epoch int
			if err := t.one(`SELECT 1 + (SELECT MAX(e) FROM (SELECT epoch AS e FROM submissions WHERE id = ? UNION ALL
				SELECT epoch FROM regraded WHERE submission = ?) AS epochs) FROM submissions WHERE id = ?`, []any{sub, sub, sub},
				&epoch); err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO regraded (regrade, submission, was, epoch)
				SELECT ?, id, epoch, ? FROM submissions WHERE id = ?`, id, epoch, sub); err != nil {
				return err
			}
			if err := enqueue(ctx, t.Tx, sub, epoch, RegradePriority); err != nil {
				return err
			}
		}
		return t.note("instructor", "began", fmt.Sprintf("regrade %d", id),
			fmt.Sprintf("%d submissions: %s", len(submissions), reason))
	})
	if err != nil {
		return Regrade{}, err
	}
	return s.RegradeOf(ctx, id)
}

// RegradeOf is one with what it would change.
func (s *Store) RegradeOf(ctx context.Context, id int64) (r Regrade, err error) {
	var begun, applied, dropped int64
	r.ID = id
	if err := s.one(ctx, "SELECT reason, begun, applied, dropped FROM regrades WHERE id = ?", []any{id}, &r.Reason, &begun,
		&applied, &dropped); err != nil {
		return r, err
	}
	r.Begun, r.Applied, r.Dropped = moment(begun), moment(applied), moment(dropped)
	err = s.all(ctx, `SELECT r.submission, r.epoch, s.participant, s.lab, r.was, a.verdict, a.points, a.max_points,
		b.verdict, b.points, b.max_points FROM regraded AS r JOIN submissions AS s ON s.id = r.submission
		LEFT JOIN verdicts AS a ON a.submission = s.id AND a.epoch = r.was
		LEFT JOIN verdicts AS b ON b.submission = s.id AND b.epoch = r.epoch WHERE r.regrade = ? ORDER BY r.submission`,
		[]any{id}, func(row scanner) error { return r.add(row) })
	return r, err
}

// add adds a row of RegradeOf.
func (r *Regrade) add(row scanner) error {
	var c Change
	before, then := halfVerdict{}, halfVerdict{}
	if err := row.Scan(&c.Submission, &c.Then.Epoch, &c.Participant, &c.Lab, &c.Before.Epoch, &before.verdict, &before.points,
		&before.most, &then.verdict, &then.points, &then.most); err != nil {
		return err
	}
	r.Of++
	if then.verdict == nil {
		return nil
	}
	r.Done++
	before.into(&c.Before, c)
	then.into(&c.Then, c)
	if c.Before.Result.Verdict != c.Then.Result.Verdict || c.Before.Result.Points != c.Then.Result.Points {
		r.Changes = append(r.Changes, c)
	}
	return nil
}

// halfVerdict is what a list has of a verdict that may not be there.
type halfVerdict struct {
	verdict      *string
	points, most *int
}

func (h halfVerdict) into(v *Verdict, c Change) {
	v.Submission, v.Result.Lab, v.Result.Schema = c.Submission, c.Lab, run.Schema
	if h.verdict != nil {
		v.Result.Verdict, v.Result.Points, v.Result.MaxPoints = run.Verdict(*h.verdict), *h.points, *h.most
	}
}

// Apply makes the verdicts of a regrade count. ErrRunning: not all of them are there; ErrDecided: it is over.
func (s *Store) Apply(ctx context.Context, id int64) error {
	return s.decide(ctx, id, "applied", func(t *tx) error {
		var lacking int
		if err := t.one(`SELECT COUNT(*) FROM regraded AS r LEFT JOIN verdicts AS v ON v.submission = r.submission
			AND v.epoch = r.epoch WHERE r.regrade = ? AND v.submission IS NULL`, []any{id}, &lacking); err != nil {
			return err
		}
		if lacking > 0 {
			return ErrRunning
		}
		_, err := t.exec(`UPDATE submissions SET state = 2, touched = `+s.Clock()+`, epoch = (SELECT r.epoch FROM regraded AS r
			WHERE r.regrade = ? AND r.submission = submissions.id) WHERE id IN (SELECT submission FROM regraded WHERE regrade = ?)`,
			id, id)
		return err
	})
}

// Drop forgets a regrade: what has counted before goes on counting. ErrDecided: it is over.
func (s *Store) Drop(ctx context.Context, id int64) error {
	return s.decide(ctx, id, "dropped", func(*tx) error { return nil })
}

// decide ends a regrade by did, which is a column of its table, too.
func (s *Store) decide(ctx context.Context, id int64, did string, f func(*tx) error) error {
	return s.change(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE regrades SET "+did+" = ? WHERE id = ? AND applied = 0 AND dropped = 0", micros(s.now()), id)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := t.one("SELECT id FROM regrades WHERE id = ?", []any{id}, new(int64)); err != nil {
				return err
			}
			return ErrDecided
		}
		if err := f(t); err != nil {
			return err
		}
		return t.note("instructor", did, fmt.Sprintf("regrade %d", id), "")
	})
}

// pack is a value as it is stored: JSON, compressed.
func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(v), z.Close()); err != nil {
		return nil, fmt.Errorf("pack what is to be stored: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(packed []byte, into any) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	if err := json.NewDecoder(z).Decode(into); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}
