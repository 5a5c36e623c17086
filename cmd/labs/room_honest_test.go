//go:build linux && !race

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/grader"
	"github.com/backend-labs/backend-labs/harness/workshop/queue"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
)

// TestHonest_room has the workers of a room grade what labs grade grades: the verdicts are the same. LABS_TEST_ROOM is how
// many submissions of mixed labs, right ones and wrong ones; with many it shows how much slower a room is.
func TestHonest_room(t *testing.T) {
	if testing.Short() {
		t.Skip("it grades submissions")
	}
	const slots = 2
	c := realCourse(t)
	g, err := grader.New(t.Context(), grader.Options{Course: c, Dir: t.TempDir(), Slots: slots})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Warm(t.Context(), roomLabs); err != nil { // what both build once
		t.Fatal(err)
	}

	handedIn := mixed(t, c, fromEnvironment("LABS_TEST_ROOM", 6))
	many := t.TempDir()
	for name, sub := range handedIn {
		sub.writeTo(t, filepath.Join(many, name, "labs", sub.lab.Slug), "for labs grade")
	}
	began := time.Now()
	results := gradeMany(t, c, many, "--jobs", fmt.Sprint(slots), "--format", "csv")
	batch := time.Since(began)
	want := map[string]run.Result{}
	for _, r := range results {
		want[r.Submission] = r
	}

	began = time.Now()
	got := gradeInRoom(t, g, slots, handedIn)
	inRoom := time.Since(began)
	t.Logf("%d submissions: %v by labs grade, %v in a room: %.2f of its throughput", len(handedIn),
		batch.Round(time.Millisecond), inRoom.Round(time.Millisecond), batch.Seconds()/inRoom.Seconds())
	for name, r := range got {
		if w := want[name]; r.Verdict != w.Verdict || r.Points != w.Points || r.MaxPoints != w.MaxPoints {
			t.Errorf("%s: got %s, %d of %d points; labs grade says %s, %d of %d", name, r.Verdict, r.Points, r.MaxPoints,
				w.Verdict, w.Points, w.MaxPoints)
		}
	}
	if len(got) != len(handedIn) {
		t.Errorf("got %d verdicts of %d submissions", len(got), len(handedIn))
	}
}

// roomLabs are those that are mixed: some in virtual time, some over HTTP, one with data that is random.
var roomLabs = []string{"B10", "I19", "B03", "B06", "I04"}

// mixed are submissions to roomLabs by name, every third of them a wrong one.
func mixed(t *testing.T, c *course.Course, count int) map[string]submitted {
	t.Helper()
	all := map[string]submitted{}
	for i := range count {
		l, err := c.Named(roomLabs[i%len(roomLabs)])
		if err != nil {
			t.Fatal(err)
		}
		from := l.SolutionDir
		if i%3 == 2 {
			from = t.TempDir()
			if err := l.WriteMutant(&l.Mutants[i%len(l.Mutants)], from); err != nil {
				t.Fatal(err)
			}
		}
		all[fmt.Sprintf("%03d", i)] = submitted{l, from}
	}
	return all
}

// submitted is what somebody hands in: the files of a lab in a folder.
type submitted struct {
	lab  *course.Lab
	from string
}

// files are the files, each with a last line that makes it another one: as in a class, nothing is built for two.
func (s submitted) files(t *testing.T, line string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, file := range s.lab.Files {
		data, err := os.ReadFile(filepath.Join(s.from, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		all[file] = fmt.Appendf(data, "\n// %s, %s\n", t.TempDir(), line)
	}
	return all
}

func (s submitted) writeTo(t *testing.T, dir, line string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, data := range s.files(t, line) {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// gradeInRoom makes a room in a file, hands everything in, each by another participant, and has it graded.
func gradeInRoom(t *testing.T, g *grader.Grader, slots int, all map[string]submitted) map[string]run.Result {
	t.Helper()
	s, err := room.Open(t.Context(), roomtest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Create(t.Context(), room.Room{Title: "T", Code: "CODE", Labs: roomLabs}); err != nil {
		t.Fatal(err)
	}
	q, err := queue.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	names := map[int64]string{}
	for name, sub := range all {
		who, _, err := s.Join(t.Context(), "CODE", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Submit(t.Context(), who.ID, sub.lab.ID, sub.files(t, "for the room"), q.Enqueue); err != nil {
			t.Fatal(err)
		}
		names[who.ID] = name
	}

	ctx, cancel := context.WithCancel(t.Context())
	var worker sync.WaitGroup
	worker.Go(func() {
		if err := queue.Work(ctx, s, queue.Options{Slots: slots, Grade: g.Grade}); err != nil {
			t.Error(err)
		}
	})
	for wait, now := 1, 0; wait+now > 0; time.Sleep(20 * time.Millisecond) {
		if wait, now, _, _, err = s.Queue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	worker.Wait()

	graded, err := s.Submissions(t.Context(), 0, "")
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]run.Result{}
	for _, sub := range graded {
		if sub.Graded != nil {
			results[names[sub.Participant]] = sub.Graded.Result
		}
	}
	return results
}
