package room

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
)

func TestSubmission_Points(t *testing.T) {
	t.Parallel()
	graded := func(v run.Verdict) *Verdict {
		return &Verdict{Result: run.Result{Verdict: v, Points: 7, MaxPoints: 9}}
	}
	word := &Override{Points: 2}
	for name, tt := range map[string]struct {
		sub  Submission
		cost int
		want float64
		ok   bool
	}{
		"not graded":              {Submission{}, 0, 0, false},
		"that could not be":       {Submission{Graded: graded(run.InfraError)}, 0, 0, false},
		"in time":                 {Submission{Graded: graded(run.Passed)}, 50, 7, true},
		"late":                    {Submission{Graded: graded(run.Failed), Late: true}, 25, 5.25, true},
		"late where that is free": {Submission{Graded: graded(run.Passed), Late: true}, 0, 7, true},
		"late for nothing":        {Submission{Graded: graded(run.Passed), Late: true}, 100, 0, true},
		"of an instructor, late":  {Submission{Graded: graded(run.Passed), Late: true, Override: word}, 50, 2, true},
		"of an instructor alone":  {Submission{Override: word}, 0, 2, true},
		"of one that could not be, by an instructor": {Submission{Graded: graded(run.InfraError), Override: word},
			0, 2, true},
	} {
		if got, ok := tt.sub.Points(Setting{LateCost: tt.cost}); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %v, %v, want %v, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

// TestCleanName: names that look alike are the same, and what cannot be seen is in none.
func TestCleanName(t *testing.T) {
	t.Parallel()
	for _, alike := range [][2]string{{"Jose\u0301", "José"}, {"STRASSE", "straße"}, {"ﬁn", "FIN"},
		{"a\u00a0b", "a  b"}, {"Ⅳ", "iv"}} {
		_, one, ok1 := cleanName(alike[0])
		_, two, ok2 := cleanName(alike[1])
		if !ok1 || !ok2 || one != two {
			t.Errorf("%q: got %q, %v and %q, %v, want one and the same", alike, one, ok1, two, ok2)
		}
	}
	for name, want := range map[string]bool{strings.Repeat("é", 80): true, strings.Repeat("é", 81): false,
		strings.Repeat("e\u0301", 80): true, "Anne-Marie O'Neill 3.": true, "李小龙": true, "a\u200bb": false,
		"a\ufffdb": false, "a\xffb": false, "a\u2028b": true, "\u00ad": false,
		"x" + strings.Repeat(" ", 1023): true, "x" + strings.Repeat(" ", 1024): false} {
		if clean, _, ok := cleanName(name); ok != want {
			t.Errorf("%.40q: got %q, %v, want %v", name, clean, ok, want)
		}
	}
}

func TestSameCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"K7QF-2M01", " k7qf 2mol ", true}, {"K7QF-2M01", "K7QF2MOI", true}, {"K7QF-2M", "K7QF-2N", false},
		{"K7QF-2M", "K7QF-2", false}, {"", "", false}, {" -\t", "", false}, {"K7QF-2M", "", false},
	} {
		if got := SameCode(tt.a, tt.b); got != tt.want || SameCode(tt.b, tt.a) != tt.want {
			t.Errorf("%q and %q: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestContentOf: files are told apart by their names and their lengths, and by nothing else.
func TestContentOf(t *testing.T) {
	t.Parallel()
	of := func(pairs ...string) string {
		files := map[string][]byte{}
		for i := 0; i < len(pairs); i += 2 {
			files[pairs[i]] = []byte(pairs[i+1])
		}
		return contentOf(files)
	}
	two := of("a", "x", "b", "y")
	if of("b", "y", "a", "x") != two {
		t.Error("their order counts")
	}
	for _, other := range []string{of("a", "y", "b", "x"), of("a", "xy"), of("a", "x\"b\" 1\ny"), of("a", "x\"b\"\ny"),
		of("a", "x"), of("a", "x", "b", "y", "c", ""), of("a\" 1\nx\"b", "y")} {
		if other == two {
			t.Error("others are taken for them")
		}
	}
}

// TestStore_Submit_limit_moment: at the moment that somebody is told, the next one is taken.
func TestStore_Submit_limit_moment(t *testing.T) {
	t.Parallel()
	s, c, _ := made(t, roomtest.SQLite(t))
	ada, _ := joined(t, s, "Ada")
	n := 0
	hand := func() error {
		n++
		_, _, err := s.Submit(t.Context(), ada.ID, "B01", files(fmt.Sprint(n)), new(queued).put)
		return err
	}
	for _, perHour := range []int{7, 13, 54, 60} {
		if _, err := s.ChangeLab(t.Context(), "B01", "set", "", func(set *Setting) { set.PerHour = perHour }); err != nil {
			t.Fatal(err)
		}
		c.at = c.at.Add(time.Hour)
		for hand() == nil {
		}
		c.at = c.at.Add(33_333_333 * time.Microsecond)
		limit, ok := errors.AsType[*Limit](hand())
		if !ok {
			t.Fatalf("%d an hour: there is no limit", perHour)
		}
		c.at = c.at.Add(limit.Again)
		if err := hand(); err != nil {
			t.Errorf("%d an hour: %v at the moment that was told, %+v", perHour, err, err)
		}
		if _, ok := errors.AsType[*Limit](hand()); !ok {
			t.Errorf("%d an hour: a second one is taken with it", perHour)
		}
	}
}

func TestStore_ChangeLab_bounds(t *testing.T) {
	t.Parallel()
	s, _, _ := made(t, roomtest.SQLite(t))
	set, err := s.ChangeLab(t.Context(), "B01", "set", "", func(set *Setting) {
		set.LateCost, set.PerHour, set.Hints = 150, -1, -2
	})
	all, _ := s.Settings(t.Context())
	want := Setting{Lab: "B01", Open: true, LateCost: 100}
	if err != nil || set != want || len(all) != 2 || all[0] != want {
		t.Errorf("got %+v, %v, stored %+v, want %+v", set, err, all, want)
	}
	if set, _ = s.ChangeLab(t.Context(), "B01", "set", "", func(set *Setting) { set.LateCost = -1 }); set.LateCost != 0 {
		t.Errorf("being late costs %d", set.LateCost)
	}
	if _, err := s.ChangeLab(t.Context(), "Z99", "set", "", func(*Setting) {}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a lab that the room has not: %v", err)
	}
	log, err := s.Audit(t.Context(), 2)
	if err != nil || len(log) != 2 || log[0].ID < log[1].ID || log[0].What != "B01" {
		t.Errorf("got %+v, %v, want the two latest entries, the newest first", log, err)
	}
}

// TestStore_ByToken_seen: that somebody is here is written down once in a while, not with each request.
func TestStore_ByToken_seen(t *testing.T) {
	t.Parallel()
	s, c, _ := made(t, roomtest.SQLite(t))
	_, k := joined(t, s, "Ada")
	at := c.at
	for _, step := range []struct{ after, want time.Duration }{{seenEvery - time.Second, 0}, {seenEvery, seenEvery},
		{2*seenEvery - time.Second, seenEvery}, {2 * seenEvery, 2 * seenEvery}} {
		c.at = at.Add(step.after)
		p, err := s.ByToken(t.Context(), k.Token)
		all, _ := s.Participants(t.Context())
		if err != nil || p.Seen.Sub(at) != step.want || !all[0].Seen.Equal(p.Seen) {
			t.Errorf("after %v: got %v, stored %v, %v, want %v", step.after, p.Seen.Sub(at), all[0].Seen.Sub(at), err,
				step.want)
		}
	}
}

// TestStore_Regrade_refused: of what cannot all be graded again nothing is.
func TestStore_Regrade_refused(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files("one"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Regrade(t.Context(), []int64{sub.ID, 99}, "a new check", q.put); !errors.Is(err, ErrNotFound) {
			t.Errorf("with one that there is not: %v", err)
		}
		q.err = errors.New("no queue")
		if _, err := s.Regrade(t.Context(), []int64{sub.ID}, "a new check", q.put); !errors.Is(err, q.err) {
			t.Errorf("without a queue: %v", err)
		}
		q.err = nil
		for id := range int64(3) {
			if r, err := s.RegradeOf(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("regrade %d is there: %+v, %v", id, r, err)
			}
		}
		if wait, _, _, _, err := s.Queue(t.Context()); err != nil || wait != 1 {
			t.Errorf("%d wait, %v, want the submission alone", wait, err)
		}
		if err := s.Drop(t.Context(), 99); !errors.Is(err, ErrNotFound) {
			t.Errorf("dropped what there is not: %v", err)
		}
	})
}

// TestStore_Regrade_two has two that go on at once: each has its own verdicts, and the one that is applied counts.
func TestStore_Regrade_two(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, c, _ := made(t, url)
		ada, _ := joined(t, s, "Ada")
		q := &queued{}
		sub, _, err := s.Submit(t.Context(), ada.ID, "B01", files("one"), q.put)
		if err != nil {
			t.Fatal(err)
		}
		grade := func(epoch, points int) {
			t.Helper()
			if _, err := s.Grade(t.Context(), verdict(sub.ID, epoch, run.Failed, points)); err != nil {
				t.Fatal(err)
			}
		}
		grade(0, 1)
		var ids []int64
		for range 2 {
			r, err := s.Regrade(t.Context(), []int64{sub.ID}, "again", q.put)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.ID)
		}
		want := []string{fmt.Sprintf("%d/1 p3", sub.ID), fmt.Sprintf("%d/2 p3", sub.ID)}
		if !slices.Equal(q.all[1:], want) {
			t.Errorf("queued are %q, want %q", q.all[1:], want)
		}
		if wait, _, _, _, _ := s.Queue(t.Context()); wait != 2 {
			t.Errorf("%d wait, want both", wait)
		}
		grade(1, 1)
		grade(2, 3)
		if r, err := s.RegradeOf(t.Context(), ids[0]); err != nil || r.Done != 1 || len(r.Changes) != 0 {
			t.Errorf("one that says the same: got %+v, %v, want no change", r, err)
		}
		if err := s.Apply(t.Context(), ids[1]); err != nil {
			t.Fatal(err)
		}
		if err := s.Drop(t.Context(), ids[1]); !errors.Is(err, ErrDecided) {
			t.Errorf("dropped after it was applied: %v", err)
		}
		got, err := s.Submission(t.Context(), sub.ID)
		if err != nil || got.Epoch != 2 || got.Graded.Result.Points != 3 {
			t.Errorf("got epoch %d, %+v, %v", got.Epoch, got.Graded, err)
		}
		// On the line of time is what counts.
		line, err := s.Timeline(t.Context(), c.at, 10)
		if err != nil || len(line) != 1 || !line[0].Graded || line[0].Points != 3 {
			t.Errorf("the time line is %+v, %v, want the verdict that counts alone", line, err)
		}
	})
}

// TestStore_Restore_hostile has archives that somebody has written by hand: nothing of them comes into the database.
func TestStore_Restore_hostile(t *testing.T) {
	t.Parallel()
	const head, aRoom = `{"format":"labs-workshop","version":1}`, `{"table":"room","row":{"id":1,"title":"x","code":"c",` +
		`"labs":"[]","course":"{}","created":1,"opens":0,"closes":0,"ended":0,"limited":0}}`
	for name, tt := range map[string]struct {
		lines []string
		want  error // nil: any
	}{
		"of something else":      {[]string{`{"format":"x","version":1}`, aRoom}, ErrArchive},
		"of a newer labs":        {[]string{`{"format":"labs-workshop","version":2}`, aRoom}, ErrNewer},
		"without a room":         {[]string{head}, ErrArchive},
		"a secret":               {[]string{head, aRoom, `{"table":"secrets","row":{"hash":"x","made":1}}`}, ErrArchive},
		"another table":          {[]string{head, aRoom, `{"table":"room; --","row":{"id":1}}`}, ErrArchive},
		"a statement as column":  {[]string{head, aRoom, `{"table":"hands","row":{"id) SELECT 1; --":1}}`}, ErrArchive},
		"a row of nothing":       {[]string{head, aRoom, `{"table":"hands","row":{}}`}, ErrArchive},
		"half a number":          {[]string{head, aRoom, `{"table":"hands","row":{"id":1.5}}`}, ErrArchive},
		"files that are none":    {[]string{head, aRoom, `{"table":"submissions","row":{"files":"base64:%"}}`}, ErrArchive},
		"a line that is no JSON": {[]string{head, aRoom, `{"table":`}, ErrArchive},
		"an unknown column":      {[]string{head, aRoom, `{"table":"hands","row":{"none":1}}`}, nil},
		"two rooms":              {[]string{head, aRoom, strings.Replace(aRoom, `"id":1`, `"id":2`, 1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file bytes.Buffer
			z := gzip.NewWriter(&file)
			fmt.Fprintln(z, strings.Join(tt.lines, "\n"))
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			s, _ := opened(t, roomtest.SQLite(t))
			_, err := s.Restore(t.Context(), &file)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if r, err := s.Room(t.Context()); !errors.Is(err, ErrNoRoom) {
				t.Errorf("it has left the room %+v, %v", r, err)
			}
		})
	}
}
