package room

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// Report takes reports; those that came before are passed over.
func (s *Store) Report(ctx context.Context, reports []Report) error {
	return s.change(ctx, func(t *tx) error {
		for _, r := range reports {
			if _, err := t.exec(`INSERT INTO reports (participant, sent_as, lab, at, verdict, points, max_points, failing, mutant,
				touched) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, `+s.Clock()+`) ON CONFLICT (participant, sent_as) DO NOTHING`, r.Participant, r.Key,
				r.Lab, micros(r.At), string(r.Verdict), r.Points, r.MaxPoints, list(r.Failing), r.Mutant); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReportsSince are the last one of each participant and lab, of those that have come since a mark; some that came before
// may be among them.
func (s *Store) ReportsSince(ctx context.Context, m Mark) (all []Report, err error) {
	err = s.all(ctx, `SELECT participant, sent_as, lab, at, verdict, points, max_points, failing, mutant FROM (
		SELECT reports.*, ROW_NUMBER() OVER (PARTITION BY participant, lab ORDER BY at DESC, sent_as DESC) AS nth FROM reports`+
		m.since("touched")+`) AS ranked WHERE nth = 1 ORDER BY participant, lab`, nil, func(row scanner) error {
		var r Report
		var at int64
		var failing string
		if err := row.Scan(&r.Participant, &r.Key, &r.Lab, &at, &r.Verdict, &r.Points, &r.MaxPoints, &failing,
			&r.Mutant); err != nil {
			return err
		}
		r.At = moment(at)
		r.Failing, err = unlist(failing)
		all = append(all, r)
		return err
	})
	return all, err
}

// Event is something that was seen of a participant at a lab.
type Event struct {
	At          time.Time
	Participant int64
	Lab         string
	Graded      bool // otherwise self-reported
	Verdict     run.Verdict
	Points      int
	MaxPoints   int
}

// Timeline are all reports and verdicts since then, oldest first, as events for a line of time: of more than limit the
// latest.
func (s *Store) Timeline(ctx context.Context, since time.Time, limit int) (all []Event, err error) {
	from := micros(since)
	err = s.all(ctx, `SELECT at, participant, lab, graded, verdict, points, max_points FROM (
		SELECT * FROM (SELECT at, participant, lab, 0 AS graded, verdict, points, max_points FROM reports WHERE at >= ?
			ORDER BY at DESC LIMIT ?) AS reported
		UNION ALL
		SELECT * FROM (SELECT v.done, s.participant, s.lab, 1, v.verdict, v.points, v.max_points FROM verdicts AS v
			JOIN submissions AS s ON s.id = v.submission AND s.epoch = v.epoch WHERE v.done >= ?
			ORDER BY v.done DESC LIMIT ?) AS graded
		) AS events ORDER BY at DESC LIMIT ?`, []any{from, limit, from, limit, limit}, func(row scanner) error {
		var e Event
		var at int64
		var graded int
		err := row.Scan(&at, &e.Participant, &e.Lab, &graded, &e.Verdict, &e.Points, &e.MaxPoints)
		e.At, e.Graded = moment(at), graded == 1
		all = append(all, e)
		return err
	})
	slices.Reverse(all)
	return all, err
}

// list is a list of names as it is stored.
func list(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	data, _ := json.Marshal(names)
	return string(data)
}

func unlist(text string) (names []string, err error) {
	if text == "[]" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("a list of names: %w", err)
	}
	return names, nil
}
