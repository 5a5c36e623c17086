package room

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv("ROOM_TEST_HANDS_IN"); url != "" {
		handsIn(url)
	}
	os.Exit(roomtest.Main(m))
}

// handsIn is a process that hands in without end, and says so of each with a byte.
func handsIn(url string) {
	ctx := context.Background()
	s, err := Open(ctx, url)
	for i := 0; err == nil; i++ {
		_, _, err = s.Submit(ctx, 1, "B01", files(fmt.Sprint(i)), func(ctx context.Context, tx *sql.Tx, id int64, _, _ int) error {
			_, err := tx.ExecContext(ctx, s.q("INSERT INTO audit (at, who, did, what, detail) VALUES (1, '', 'queued', ?, '')"), fmt.Sprint(id))
			return err
		})
		os.Stdout.WriteString(".")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// queued is an Enqueue that remembers.
type queued struct {
	mu  sync.Mutex
	all []string
	err error
}

func (q *queued) put(_ context.Context, _ *sql.Tx, id int64, epoch, priority int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, fmt.Sprintf("%d/%d p%d", id, epoch, priority))
	return q.err
}

// clock is a store's time, moved by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func opened(t *testing.T, url string) (*Store, *clock) {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := &clock{time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	s.now = c.now
	return s, c
}

// made is a store with a room of two labs.
func made(t *testing.T, url string) (*Store, *clock, string) {
	t.Helper()
	s, c := opened(t, url)
	secret, err := s.Create(t.Context(), Room{Title: "Tuesday", Labs: []string{"B01", "B10"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, c, secret
}

func joined(t *testing.T, s *Store, name string) (Participant, Keys) {
	t.Helper()
	r, err := s.Room(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, k, err := s.Join(t.Context(), r.Code, name)
	if err != nil {
		t.Fatal(err)
	}
	return p, k
}

func files(text string) map[string][]byte { return map[string][]byte{"adder.go": []byte(text)} }

func verdict(id int64, epoch int, v run.Verdict, points int) Verdict {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	r := run.Result{Schema: run.Schema, Verdict: v, Points: points, MaxPoints: 3}
	if v == run.Failed {
		r.Checks = []run.Check{{Test: "TestA", Verdict: run.Failed, Output: "said"}, {Test: "TestB", Verdict: run.Passed}}
		r.Likely = &run.Likely{Mutant: "off-by-one.patch", Misconception: "Counting starts at one."}
	}
	return Verdict{Submission: id, Epoch: epoch, Result: r, Worker: "w", Started: now, Done: now}
}

func TestStore_room(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c := opened(t, url)
		if _, err := s.Room(t.Context()); !errors.Is(err, ErrNoRoom) {
			t.Errorf("an empty database: %v, want ErrNoRoom", err)
		}
		first, err := s.Create(t.Context(), Room{Title: "Tuesday", Labs: []string{"B10", "B01"},
			Course: run.Revision{Module: "example.org/course"}, Closes: c.at.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Room(t.Context())
		if err != nil || r.Title != "Tuesday" || !slices.Equal(r.Labs, []string{"B10", "B01"}) || len(r.Code) != 9 ||
			!r.Created.Equal(c.at) || !r.Opens.IsZero() || !r.Closes.Equal(c.at.Add(time.Hour)) ||
			r.Course.Module != "example.org/course" {
			t.Errorf("got %+v, %v", r, err)
		}
		second, err := s.Create(t.Context(), Room{Title: "Wednesday"})
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := s.Room(t.Context()); again.Title != "Tuesday" || again.Code != r.Code {
			t.Errorf("a second Create made of it %+v", again)
		}
		for secret, want := range map[string]bool{first: true, second: true, "": false, first + "x": false} {
			if is, err := s.Instructor(t.Context(), secret); err != nil || is != want {
				t.Errorf("Instructor(%q) is %v, %v", secret, is, err)
			}
		}
		before, err := s.Changed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set, err := s.ChangeLab(t.Context(), "B01", "closed", "", func(set *Setting) { set.Open, set.LateCost = false, 140 })
		if err != nil || set.Open || set.LateCost != 100 {
			t.Errorf("got %+v, %v", set, err)
		}
		if after, _ := s.Changed(t.Context()); after <= before {
			t.Errorf("Changed is %d after a change, %d before", after, before)
		}
		sets, err := s.Settings(t.Context())
		if err != nil || len(sets) != 2 || sets[0] != (Setting{Lab: "B10", Open: true}) || sets[1] != set {
			t.Errorf("got %+v, %v", sets, err)
		}
		if _, err := s.ChangeLab(t.Context(), "Z99", "closed", "", func(*Setting) {}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a lab that is not in the room: %v", err)
		}
		log, err := s.Audit(t.Context(), 1)
		if err != nil || len(log) != 1 || log[0].Did != "closed" || log[0].What != "B01" || !log[0].At.Equal(c.at) {
			t.Errorf("the audit log has %+v, %v", log, err)
		}
	})
}

func TestStore_join(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		r, _ := s.Room(t.Context())
		if _, _, err := s.Join(t.Context(), "0000-0000", "Ada"); !errors.Is(err, ErrCode) {
			t.Errorf("a wrong code: %v", err)
		}
		for _, name := range []string{"", "  ", "a\u202eb", "a\x00b", "a\x1b[31m", strings.Repeat("x", 81), strings.Repeat("x", 10_000)} {
			if _, _, err := s.Join(t.Context(), r.Code, name); !errors.Is(err, ErrName) {
				t.Errorf("the name %.20q: %v, want ErrName", name, err)
			}
		}
		p, k, err := s.Join(t.Context(), " "+strings.ToLower(strings.ReplaceAll(r.Code, "0", "o"))+" ", "  Ada   Lovelace ")
		if err != nil || p.Name != "Ada Lovelace" || !p.Joined.Equal(c.at) {
			t.Fatalf("got %+v, %v", p, err)
		}
		for _, same := range []string{"Ada Lovelace", "ada lovelace", "ADA  LOVELACE", "Ａda Lovelace"} {
			if _, _, err := s.Join(t.Context(), r.Code, same); !errors.Is(err, ErrTaken) {
				t.Errorf("the name %q beside Ada Lovelace: %v, want ErrTaken", same, err)
			}
		}
		if _, err := s.ByToken(t.Context(), "nobody's"); !errors.Is(err, ErrToken) {
			t.Errorf("a token of nobody: %v", err)
		}
		c.at = c.at.Add(time.Minute)
		if got, err := s.ByToken(t.Context(), k.Token); err != nil || got.ID != p.ID || !got.Seen.Equal(c.at) {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, _, err := s.Rejoin(t.Context(), r.Code, "0000-0000-0000-0000"); !errors.Is(err, ErrCode) {
			t.Errorf("a wrong recovery code: %v", err)
		}
		back, fresh, err := s.Rejoin(t.Context(), r.Code, strings.ToLower(strings.ReplaceAll(k.Recovery, "-", " ")))
		if err != nil || back.ID != p.ID || fresh.Token == k.Token {
			t.Fatalf("got %+v, %v", back, err)
		}
		if _, err := s.ByToken(t.Context(), k.Token); !errors.Is(err, ErrToken) {
			t.Errorf("the token of the lost machine: %v", err)
		}
		if err := s.Remove(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ByToken(t.Context(), fresh.Token); !errors.Is(err, ErrToken) {
			t.Errorf("the token of somebody who was removed: %v", err)
		}
		if _, _, err := s.Rejoin(t.Context(), r.Code, k.Recovery); !errors.Is(err, ErrCode) {
			t.Errorf("the recovery code of somebody who was removed: %v", err)
		}
		if err := s.Remove(t.Context(), p.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if all, err := s.Participants(t.Context()); err != nil || len(all) != 1 || all[0].Removed.IsZero() {
			t.Errorf("got %+v, %v", all, err)
		}
		_, there := joined(t, s, "Hedy")
		if _, err := s.Change(t.Context(), "ended", "", func(r *Room) { r.Ended = c.at }); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Join(t.Context(), r.Code, "Grace"); !errors.Is(err, ErrEnded) {
			t.Errorf("joined after the end: %v", err)
		}
		if _, _, err := s.Rejoin(t.Context(), r.Code, k.Recovery); !errors.Is(err, ErrCode) {
			t.Errorf("the recovery code of somebody who was removed, after the end: %v", err)
		}
		if p, _, err := s.Rejoin(t.Context(), r.Code, there.Recovery); err != nil || p.Name != "Hedy" {
			t.Errorf("came back after the end: got %+v, %v", p, err)
		}
		if _, _, err := s.Rejoin(t.Context(), "0000-0000", there.Recovery); !errors.Is(err, ErrCode) {
			t.Errorf("came back into another room after the end: %v", err)
		}
	})
}

func TestStore_roster(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		err := s.Roster(t.Context(), []Participant{{Name: "Ada"}, {Name: "Grace"}, {Name: " ada"}})
		if !errors.Is(err, ErrDuplicate) {
			t.Errorf("a name twice: %v", err)
		}
		if all, _ := s.Participants(t.Context()); len(all) > 0 {
			t.Errorf("%+v are there although the roster was refused", all)
		}
		for _, mail := range []string{"ada@example.org", "countess@example.org"} {
			if err := s.Roster(t.Context(), []Participant{{Name: "Ada", Mail: mail, Group: "A"}, {Name: "Grace"}}); err != nil {
				t.Fatal(err)
			}
		}
		r, _ := s.Room(t.Context())
		if _, _, err := s.Join(t.Context(), r.Code, "Mallory"); !errors.Is(err, ErrRoster) {
			t.Errorf("somebody who is not on it: %v", err)
		}
		p, _ := joined(t, s, "ADA")
		if p.Name != "Ada" || p.Mail != "countess@example.org" || p.Group != "A" {
			t.Errorf("got %+v", p)
		}
		if _, _, err := s.Join(t.Context(), r.Code, "Ada"); !errors.Is(err, ErrTaken) {
			t.Errorf("a second Ada: %v", err)
		}
	})
}

func TestStore_Submit(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		grace, _ := joined(t, s, "Grace")
		q := &queued{}
		hand := func(p Participant, text string) Submission {
			t.Helper()
			sub, _, err := s.Submit(t.Context(), p.ID, "B01", files(text), q.put)
			if err != nil {
				t.Fatal(err)
			}
			return sub
		}
		first := hand(ada, "one")
		if !first.First || first.Late || first.Place != 0 || first.Begun || !first.At.Equal(c.at) {
			t.Errorf("got %+v", first)
		}
		second := hand(ada, "two")
		other := hand(grace, "one")
		if got, err := s.Submission(t.Context(), second.ID); err != nil || got.First || got.Place != 2 {
			t.Errorf("a repeated one has %+v, %v, want two before it", got, err)
		}
		if other.Place != 1 {
			t.Errorf("a first one has %d before it, want the other first one alone", other.Place)
		}
		same, again, err := s.Submit(t.Context(), ada.ID, "B01", files("one"), q.put)
		if err != nil || !again || same.ID != first.ID {
			t.Errorf("the same files: %+v, %v, %v", same, again, err)
		}
		want := []string{fmt.Sprintf("%d/0 p1", first.ID), fmt.Sprintf("%d/0 p2", second.ID), fmt.Sprintf("%d/0 p1", other.ID)}
		if !slices.Equal(q.all, want) {
			t.Errorf("queued are %q, want %q", q.all, want)
		}
		got, err := s.Files(t.Context(), second.ID)
		if err != nil || string(got["adder.go"]) != "two" {
			t.Errorf("the files are %q, %v", got, err)
		}

		q.err = errors.New("no queue")
		if _, _, err := s.Submit(t.Context(), ada.ID, "B01", files("three"), q.put); !errors.Is(err, q.err) {
			t.Errorf("got %v", err)
		}
		if all, _ := s.Submissions(t.Context(), ada.ID, "B01"); len(all) != 2 {
			t.Errorf("%d submissions, want those alone that are queued", len(all))
		}
		q.err = nil

		for name, tt := range map[string]struct {
			lab  string
			do   func(*Room, *Setting)
			want error
		}{
			"a lab that the room has not": {"Z99", nil, ErrNotFound},
			"a closed lab":                {"B10", func(_ *Room, set *Setting) { set.Open = false }, ErrClosed},
			"not open yet":                {"B10", func(r *Room, _ *Setting) { r.Opens = c.at.Add(time.Second) }, ErrClosed},
			"closed":                      {"B10", func(r *Room, _ *Setting) { r.Closes = c.at }, ErrClosed},
			"over":                        {"B10", func(r *Room, _ *Setting) { r.Ended = c.at }, ErrEnded},
		} {
			t.Run(name, func(t *testing.T) {
				if tt.do != nil {
					var was Room
					var wasSet Setting
					s.Change(t.Context(), "changed", "", func(r *Room) { was = *r; tt.do(r, &Setting{}) })
					s.ChangeLab(t.Context(), tt.lab, "changed", "", func(set *Setting) { wasSet = *set; tt.do(&Room{}, set) })
					defer s.Change(context.Background(), "changed", "", func(r *Room) { *r = was })
					defer s.ChangeLab(context.Background(), tt.lab, "changed", "", func(set *Setting) { *set = wasSet })
				}
				if _, _, err := s.Submit(t.Context(), ada.ID, tt.lab, files(name), q.put); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}

		s.ChangeLab(t.Context(), "B01", "set", "", func(set *Setting) { set.Deadline, set.LateCost = c.at, 25 })
		c.at = c.at.Add(time.Second)
		late := hand(ada, "late")
		if !late.Late {
			t.Error("a submission after the deadline is not late")
		}
		late.Graded = &Verdict{Result: run.Result{Verdict: run.Passed, Points: 4}}
		if points, ok := late.Points(Setting{LateCost: 25}); !ok || points != 3 {
			t.Errorf("it counts %v, %v, want 3 of 4", points, ok)
		}
	})
}

func TestStore_Submit_limit(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		s.ChangeLab(t.Context(), "B01", "set", "", func(set *Setting) { set.PerHour = 2 })
		hand := func(text string) error {
			_, _, err := s.Submit(t.Context(), ada.ID, "B01", files(text), q.put)
			return err
		}
		for _, text := range []string{"1", "2"} {
			if err := hand(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := hand("2"); err != nil {
			t.Errorf("what is there already costs nothing, got %v", err)
		}
		limit, ok := errors.AsType[*Limit](hand("3"))
		if !ok || limit.Again != 30*time.Minute {
			t.Fatalf("got %+v, want a limit with half an hour to wait", limit)
		}
		if _, _, err := s.Submit(t.Context(), ada.ID, "B10", files("3"), q.put); err != nil {
			t.Errorf("another lab: %v", err)
		}
		c.at = c.at.Add(limit.Again - time.Second)
		if _, ok := errors.AsType[*Limit](hand("3")); !ok {
			t.Error("a second too early it is taken")
		}
		c.at = c.at.Add(time.Second)
		if err := hand("3"); err != nil {
			t.Errorf("at the time that it said: %v", err)
		}
		if _, ok := errors.AsType[*Limit](hand("4")); !ok {
			t.Error("there is no limit any more")
		}
	})
}

func TestStore_Submit_atOnce(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if _, _, err := s.Submit(t.Context(), ada.ID, "B01", files(fmt.Sprint(i%2)), q.put); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := s.Submissions(t.Context(), 0, "")
		if err != nil || len(all) != 2 || len(q.all) != 2 || all[0].First == all[1].First {
			t.Errorf("of two contents handed in four times each, %d were stored and %d queued: %+v, %v", len(all), len(q.all),
				all, err)
		}
	})
}

func TestStore_Grade(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files("one"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		next, _, err := s.Submit(t.Context(), ada.ID, "B01", files("two"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		if wait, now, oldest, _, err := s.Queue(t.Context()); err != nil || wait != 2 || now != 0 || !oldest.Equal(c.at) {
			t.Errorf("the queue has %d, %d, %v, %v", wait, now, oldest, err)
		}
		if err := s.Begin(t.Context(), sub.ID, 0); err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Submission(t.Context(), sub.ID); !got.Begun || got.Graded != nil {
			t.Errorf("got %+v, want one that was begun", got)
		}
		if got, _ := s.Submission(t.Context(), next.ID); got.Place != 0 {
			t.Errorf("%d are before the next one, want none", got.Place)
		}
		if err := s.Return(t.Context(), sub.ID, 0); err != nil {
			t.Fatal(err)
		}
		if wait, now, _, _, _ := s.Queue(t.Context()); wait != 2 || now != 0 {
			t.Errorf("the queue has %d and %d, want that it waits again", wait, now)
		}
		for i, points := range []int{1, 2} {
			stored, err := s.Grade(t.Context(), verdict(sub.ID, 0, run.Failed, points))
			if err != nil || stored != (i == 0) {
				t.Errorf("verdict %d: stored %v, %v", i, stored, err)
			}
		}
		got, err := s.Submission(t.Context(), sub.ID)
		if err != nil || got.Graded == nil || got.Graded.Result.Points != 1 || len(got.Graded.Result.Checks) != 2 ||
			got.Graded.Result.Checks[0].Output != "said" || got.Graded.Result.Likely.Misconception == "" {
			t.Fatalf("got %+v, %v", got.Graded, err)
		}
		all, err := s.Submissions(t.Context(), ada.ID, "")
		if err != nil || len(all) != 2 || !slices.Equal(all[0].Graded.Failing, []string{"TestA"}) ||
			all[0].Graded.Result.Likely.Mutant != "off-by-one.patch" || all[1].Graded != nil {
			t.Errorf("got %+v, %v", all, err)
		}
		c.at = got.Graded.Done.Add(time.Second)
		if wait, _, _, lately, _ := s.Queue(t.Context()); wait != 1 || lately != 1 {
			t.Errorf("%d wait and %d were graded lately, want one each", wait, lately)
		}
		for _, o := range []*Override{{Points: 3, Reason: "the check was wrong"}, nil} {
			if err := s.Override(t.Context(), sub.ID, o); err != nil {
				t.Fatal(err)
			}
			got, _ := s.Submission(t.Context(), sub.ID)
			points, ok := got.Points(Setting{})
			if want := map[bool]float64{true: 3, false: 1}[o != nil]; !ok || points != want {
				t.Errorf("with %+v it counts %v, %v", o, points, ok)
			}
		}
		if err := s.Override(t.Context(), 99, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Submission(t.Context(), 99); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestStore_Regrade(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files("one"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		s.Grade(t.Context(), verdict(sub.ID, 0, run.Failed, 1))
		points := func() int {
			t.Helper()
			got, err := s.Submission(t.Context(), sub.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Graded.Result.Points
		}
		r, err := s.Regrade(t.Context(), []int64{sub.ID}, "a new check", q.put)
		if err != nil || r.Of != 1 || r.Done != 0 {
			t.Fatalf("got %+v, %v", r, err)
		}
		if last := q.all[len(q.all)-1]; last != fmt.Sprintf("%d/1 p3", sub.ID) {
			t.Errorf("queued is %s", last)
		}
		if err := s.Apply(t.Context(), r.ID); !errors.Is(err, ErrRunning) {
			t.Errorf("applied before it was graded: %v", err)
		}
		s.Grade(t.Context(), verdict(sub.ID, 1, run.Passed, 3))
		if points() != 1 {
			t.Error("a regrade counts before it is applied")
		}
		r, err = s.RegradeOf(t.Context(), r.ID)
		if err != nil || r.Done != 1 || len(r.Changes) != 1 || r.Changes[0].Before.Result.Points != 1 ||
			r.Changes[0].Then.Result.Verdict != run.Passed {
			t.Errorf("got %+v, %v", r, err)
		}
		if err := s.Drop(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), r.ID); !errors.Is(err, ErrDecided) {
			t.Errorf("applied after it was dropped: %v", err)
		}
		again, err := s.Regrade(t.Context(), []int64{sub.ID}, "once more", q.put)
		if err != nil {
			t.Fatal(err)
		}
		s.Grade(t.Context(), verdict(sub.ID, 2, run.Passed, 2))
		if err := s.Apply(t.Context(), again.ID); err != nil || points() != 2 {
			t.Errorf("applied it counts %d, %v", points(), err)
		}
		after, err := s.RegradeOf(t.Context(), again.ID)
		if err != nil || after.Applied.IsZero() || len(after.Changes) != 1 || after.Changes[0].Before.Result.Points != 1 {
			t.Errorf("afterwards it says %+v, %v", after, err)
		}
		if err := s.Apply(t.Context(), 99); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if _, err := s.Regrade(t.Context(), nil, "", q.put); !errors.Is(err, ErrNotFound) {
			t.Errorf("a regrade of nothing: %v", err)
		}
	})
}

func TestStore_Report(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		report := func(key string, after time.Duration, v run.Verdict) Report {
			return Report{Participant: ada.ID, Lab: "B01", Key: key, At: c.at.Add(after), Verdict: v, MaxPoints: 3,
				Failing: []string{"TestA"}, Mutant: "m.patch"}
		}
		sent := []Report{report("b", 2*time.Minute, run.Passed), report("a", time.Minute, run.Failed)}
		for range 2 {
			if err := s.Report(t.Context(), sent); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.ReportsSince(t.Context(), 0)
		if err != nil || len(all) != 1 || all[0].Key != "b" || !slices.Equal(all[0].Failing, []string{"TestA"}) ||
			all[0].Mutant != "m.patch" || !all[0].At.Equal(sent[0].At) {
			t.Errorf("the last is %+v, %v", all, err)
		}
		line, err := s.Timeline(t.Context(), c.at, 10)
		if err != nil || len(line) != 2 || line[0].Verdict != run.Failed || line[0].Graded {
			t.Errorf("the time line is %+v, %v", line, err)
		}
		if line, _ := s.Timeline(t.Context(), c.at, 1); len(line) != 1 || line[0].Verdict != run.Passed {
			t.Errorf("of two the latest is %+v", line)
		}
	})
}

// TestStore_since: whatever changes how a submission stands makes it new, and nothing else is.
func TestStore_since(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		q := &queued{}
		ada, _ := joined(t, s, "Ada")
		handIn := func(text string) int64 {
			sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files(text), q.put)
			if err != nil {
				t.Fatal(err)
			}
			return sub.ID
		}
		handIn("another")
		id := handIn("package adder")
		grade := func(epoch int) error {
			_, err := s.Grade(t.Context(), verdict(id, epoch, run.Passed, 3))
			return err
		}
		var again Regrade
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"begun", func() error { return s.Begin(t.Context(), id, 0) }},
			{"given back", func() error { return s.Return(t.Context(), id, 0) }},
			{"graded", func() error { return grade(0) }},
			{"overridden", func() error { return s.Override(t.Context(), id, &Override{Points: 1, Reason: "seen it"}) }},
			{"taken back", func() error { return s.Override(t.Context(), id, nil) }},
			{"graded again", func() error {
				var err error
				if again, err = s.Regrade(t.Context(), []int64{id}, "once more", q.put); err != nil {
					return err
				}
				return errors.Join(grade(1), s.Apply(t.Context(), again.ID))
			}},
		} {
			if _, err := s.DB().ExecContext(t.Context(), "UPDATE submissions SET touched = 1"); err != nil {
				t.Fatal(err)
			}
			m, err := s.Mark(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if none, err := s.SubmissionsSince(t.Context(), m); err != nil || len(none) > 0 {
				t.Fatalf("before %s: %+v, %v", step.name, none, err)
			}
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if got, err := s.SubmissionsSince(t.Context(), m); err != nil || len(got) != 1 || got[0].ID != id {
				t.Errorf("%s: new is %+v, %v", step.name, got, err)
			}
		}
		if all, err := s.SubmissionsSince(t.Context(), 0); err != nil || len(all) != 2 {
			t.Errorf("in all: %+v, %v", all, err)
		}
	})
}

func TestStore_talk(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		for _, text := range []string{"how?", "why?"} {
			if err := s.Raise(t.Context(), Hand{Participant: ada.ID, Lab: "B01", Check: "TestA", Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		hands, err := s.Hands(t.Context())
		if err != nil || len(hands) != 1 || hands[0].Text != "why?" || hands[0].Check != "TestA" {
			t.Fatalf("got %+v, %v", hands, err)
		}
		for _, want := range []error{nil, ErrNotFound} {
			if err := s.Answered(t.Context(), hands[0].ID); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		if err := s.Say(t.Context(), "five minutes"); err != nil {
			t.Fatal(err)
		}
		if said, err := s.Messages(t.Context()); err != nil || len(said) != 1 || said[0].Text != "five minutes" {
			t.Errorf("got %+v, %v", said, err)
		}
	})
}

func TestStore_Save(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, secret := made(t, url)
		ada, k := joined(t, s, "Ada")
		q := &queued{}
		sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files("base64:one"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		s.Grade(t.Context(), verdict(sub.ID, 0, run.Failed, 1))
		s.Say(t.Context(), "base64: is how it is told")
		var file bytes.Buffer
		if err := s.Save(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
		roomtest.Each(t, func(t *testing.T, url string) {
			into, _ := opened(t, url)
			instructor, err := into.Restore(t.Context(), bytes.NewReader(file.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if is, _ := into.Instructor(t.Context(), instructor); !is {
				t.Error("the secret is not the instructor's")
			}
			if is, _ := into.Instructor(t.Context(), secret); is {
				t.Error("the old secret is still good")
			}
			if _, err := into.ByToken(t.Context(), k.Token); !errors.Is(err, ErrToken) {
				t.Error("a participant's token is in the archive")
			}
			r, err := into.Room(t.Context())
			if err != nil || r.Title != "Tuesday" || r.Ended.IsZero() {
				t.Errorf("got %+v, %v", r, err)
			}
			got, err := into.Submission(t.Context(), sub.ID)
			if err != nil || got.Graded.Result.Points != 1 || len(got.Graded.Result.Checks) != 2 {
				t.Errorf("got %+v, %v", got, err)
			}
			if f, err := into.Files(t.Context(), sub.ID); err != nil || string(f["adder.go"]) != "base64:one" {
				t.Errorf("got %q, %v", f, err)
			}
			if said, _ := into.Messages(t.Context()); len(said) != 1 || said[0].Text != "base64: is how it is told" {
				t.Errorf("got %+v", said)
			}
			if err := into.Note(t.Context(), Entry{Who: "instructor", Did: "looked"}); err != nil {
				t.Errorf("nothing can be added: %v", err)
			}
			if _, err := into.Restore(t.Context(), bytes.NewReader(file.Bytes())); !errors.Is(err, ErrNotEmpty) {
				t.Errorf("twice: %v", err)
			}
		})
		for _, bad := range []string{"", "no archive", string(file.Bytes()[:len(file.Bytes())/2])} {
			into, _ := opened(t, roomtest.SQLite(t))
			if _, err := into.Restore(t.Context(), strings.NewReader(bad)); !errors.Is(err, ErrArchive) {
				t.Errorf("%d bytes of something: %v, want ErrArchive", len(bad), err)
			}
			if _, err := into.Room(t.Context()); !errors.Is(err, ErrNoRoom) {
				t.Errorf("half an archive left a room: %v", err)
			}
		}
	})
}

func TestOpen_newer(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		if _, err := s.write.Exec("INSERT INTO room_version (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), url); !errors.Is(err, ErrNewer) {
			t.Errorf("got %v, want ErrNewer", err)
		}
	})
}

func TestOpen_atOnce(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				s, err := Open(t.Context(), url)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		wg.Wait()
		made(t, url)
	})
}
