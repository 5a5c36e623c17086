package workspace_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

func TestProgress_Standing(t *testing.T) {
	t.Parallel()
	result := func(v run.Verdict, race run.RaceState, source, checks string) *workspace.Entry {
		return &workspace.Entry{Result: &run.Result{Verdict: v, Race: run.Race{State: race},
			SourceSHA256: source}, Checks: checks}
	}
	passed := func(e *workspace.Entry) *workspace.Entry {
		e.PassedSource, e.PassedChecks = "source", "checks"
		return e
	}
	pass := passed(result(run.Passed, run.RaceDone, "source", "checks"))
	edited := workspace.Now{Source: "source", Checks: "checks", Known: true}
	stub := workspace.Now{Source: "source", Checks: "checks", Known: true, Stub: true}
	unknown := workspace.Now{Source: "source", Checks: "checks"}
	with := func(n workspace.Now, source, checks string) workspace.Now {
		n.Source, n.Checks = source, checks
		return n
	}
	for _, tt := range []struct {
		name  string
		entry *workspace.Entry
		now   workspace.Now
		want  workspace.Standing
	}{
		{"never looked at", nil, stub, workspace.Untouched},
		{"looked at", &workspace.Entry{}, stub, workspace.Untouched},
		{"given up, with nothing written", &workspace.Entry{GaveUp: true}, stub, workspace.Untouched},
		{"judged, then reset", result(run.Failed, run.RaceNotBegun, "mine", "checks"), stub, workspace.Untouched},
		{"a hint taken", &workspace.Entry{Hints: 1}, stub, workspace.Begun},
		{"written, and never judged here", nil, edited, workspace.Begun},
		{"failed", result(run.Failed, run.RaceNotBegun, "source", "checks"), edited, workspace.Begun},
		{"without a recorded stub", nil, unknown, workspace.Unknown},
		{"without a recorded stub, judged", result(run.Failed, run.RaceNotBegun, "source", "checks"), unknown, workspace.Begun},
		{"passed without the race run", result(run.Passed, run.RaceLeftOut, "source", "checks"), edited, workspace.NotRaced},
		{"passed where there is no race run", result(run.Passed, run.RaceNotToBeHad, "source", "checks"), edited, workspace.NotRaced},
		{"that, then edited", result(run.Passed, run.RaceLeftOut, "other", "checks"), edited, workspace.Begun},
		{"passed", pass, edited, workspace.Passed},
		{"passed, and judged again without the race run", passed(result(run.Passed, run.RaceLeftOut, "source", "checks")), edited, workspace.Passed},
		{"passed, and the checks cannot be read", pass, with(edited, "source", ""), workspace.Passed},
		{"passed, then edited", pass, with(edited, "other", "checks"), workspace.Edited},
		{"passed, and the file is gone", pass, workspace.Now{Checks: "checks", Gone: true}, workspace.Edited},
		{"passed, and the file cannot be read", pass, workspace.Now{Checks: "checks"}, workspace.Passed},
		{"passed, then edited, and it fails", passed(result(run.Failed, run.RaceNotBegun, "other", "checks")), with(edited, "other", "checks"), workspace.Failing},
		{"passed, then edited, and it does not compile", passed(result(run.BuildFailed, run.RaceNotBegun, "other", "checks")), with(edited, "other", "checks"), workspace.Failing},
		{"that, and edited again", passed(result(run.Failed, run.RaceNotBegun, "other", "checks")), with(edited, "third", "checks"), workspace.Edited},
		{"passed, then edited, and passed without the race run", passed(result(run.Passed, run.RaceLeftOut, "other", "checks")), with(edited, "other", "checks"), workspace.Edited},
		{"passed, and the checks have changed", pass, with(edited, "source", "others"), workspace.Outdated},
		{"passed, and fails by other checks", passed(result(run.Failed, run.RaceNotBegun, "source", "others")), with(edited, "source", "others"), workspace.Failing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &workspace.Progress{Labs: map[string]*workspace.Entry{}}
			if tt.entry != nil {
				p.Labs["B01"] = tt.entry
			}
			got := p.Standing("B01", tt.now)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if once := tt.entry != nil && tt.entry.PassedSource != ""; got.Done() != once {
				t.Errorf("%q: got done = %v, want %v", got, got.Done(), once)
			}
			if under := got == workspace.Begun ||
				got == workspace.NotRaced; got.UnderWay() != under {
				t.Errorf("%q: got under way = %v, want %v", got, got.UnderWay(), under)
			}
		})
	}
}

// TestStandings_whatCannotBeRead breaks one lab in several ways: the others are told all the same.
func TestStandings_whatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		breaks func(t *testing.T, l *course.Lab)
		want   workspace.Standing
	}{
		{"nothing", func(*testing.T, *course.Lab) {}, workspace.Untouched},
		{"an edit", func(t *testing.T, l *course.Lab) { write(t, filepath.Join(l.Dir, "adder.go"), "package adder\n") }, workspace.Begun},
		{"no file", func(t *testing.T, l *course.Lab) { remove(t, filepath.Join(l.Dir, "adder.go")) }, workspace.Begun},
		{"a folder in the file's place", func(t *testing.T, l *course.Lab) {
			remove(t, filepath.Join(l.Dir, "adder.go"))
			write(t, filepath.Join(l.Dir, "adder.go", "x"), "")
		}, workspace.Unknown},
		{"no recorded stub", func(t *testing.T, l *course.Lab) { remove(t, l.StubDir()) }, workspace.Unknown},
		{"an editor's lock", func(t *testing.T, l *course.Lab) {
			if err := os.Symlink("user@host.1234", filepath.Join(l.Dir, ".#adder.go")); err != nil {
				t.Skip(err)
			}
		}, workspace.Untouched},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			example, err := coursetest.Example()
			if err != nil {
				t.Fatal(err)
			}
			c := coursetest.New(t, example)
			w, l := workspace.Open(c), c.Labs[0]
			tt.breaks(t, l)
			got, err := w.Standings(&compile.Builder{Course: c, Dir: t.TempDir()})
			if err != nil || got["B01"] != tt.want || got["I01"] != workspace.Untouched ||
				got["A01"] != workspace.Untouched {
				t.Errorf("got %q, %v, want %q for B01 and the others untouched", got, err, tt.want)
			}
		})
	}
}

// TestStandings_ofWhatIsKept holds what is kept against the lab's files and checks as they are.
func TestStandings_ofWhatIsKept(t *testing.T) {
	t.Parallel()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	c := coursetest.New(t, example)
	w, b := workspace.Open(c), &compile.Builder{Course: c, Dir: t.TempDir()}
	for id, race := range map[string]run.RaceState{"B01": run.RaceNotNeeded,
		"I01": run.RaceLeftOut} {
		l, err := c.Named(id)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(l.Dir, l.Files[0]), "package mine\n")
		source, err := compile.SourceSHA256(l, l.Dir)
		if err != nil {
			t.Fatal(err)
		}
		checks, err := b.ChecksSHA256(l)
		if err != nil {
			t.Fatal(err)
		}
		r := run.Result{Lab: id, Verdict: run.Passed, Race: run.Race{State: race},
			SourceSHA256: source}
		mustUpdate(t, w, func(p *workspace.Progress) { p.Judge(r, checks, "", time.Now()) })
	}
	want := func(b01, i01 workspace.Standing) {
		t.Helper()
		got, err := w.Standings(b)
		if err != nil || got["B01"] != b01 || got["I01"] != i01 ||
			got["A01"] != workspace.Untouched {
			t.Errorf("got %q, %v, want %q and %q", got, err, b01, i01)
		}
	}
	want(workspace.Passed, workspace.NotRaced)
	mustUpdate(t, w, func(p *workspace.Progress) { p.Labs["B01"].Result = nil })
	want(workspace.Passed, workspace.NotRaced)
	for _, l := range c.Labs {
		l.Checks[0].Points++
	}
	want(workspace.Outdated, workspace.Begun)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// road is a course in which B02 comes after B04, and I01 after B02 and a lab of another course.
func road() *course.Course {
	return &course.Course{Labs: []*course.Lab{
		{ID: "B01"}, {ID: "B02", After: []string{"B04"}}, {ID: "B03", After: []string{"B01"}}, {ID: "B04"}, {ID: "I01", After: []string{"B02", "X09"}},
	}}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		done  []string
		after string
		want  string
	}{
		{"from the start", nil, "", "B01"},
		{"in order", nil, "B03", "B04"},
		{"what lacks its preparation is passed over", []string{"B01"}, "B01", "B03"},
		{"what is prepared for is next", []string{"B01", "B03", "B04"}, "B04", "B02"},
		{"round the course", []string{"B03", "B04"}, "B04", "B01"},
		{"a preparation that this course does not have counts for nothing", []string{"B01", "B02", "B03", "B04"}, "B04", "I01"},
		{"if nothing is prepared for, the first", []string{"B01", "B03"}, "B04", "I01"},
		{"all others are passed", []string{"B01", "B02", "B03", "B04"}, "I01", ""},
		{"all are passed", []string{"B01", "B02", "B03", "B04", "I01"}, "", ""},
	} {
		c, standings := road(), map[string]workspace.Standing{}
		var after *course.Lab
		for _, l := range c.Labs {
			standings[l.ID] = workspace.Untouched
			if slices.Contains(tt.done, l.ID) {
				standings[l.ID] = workspace.Edited
			}
			if l.ID == tt.after {
				after = l
			}
		}
		got := ""
		if l := workspace.Next(c, standings, after); l != nil {
			got = l.ID
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPassedOver(t *testing.T) {
	t.Parallel()
	c := &course.Course{Labs: []*course.Lab{
		{ID: "B01"}, {ID: "B02", After: []string{"B09", "B08"}}, {ID: "B03", After: []string{"B09"}}, {ID: "B04", After: []string{"B09"}}, {ID: "B05"}, {ID: "B08"}, {ID: "B09"},
	}}
	standings := map[string]workspace.Standing{}
	for _, l := range c.Labs {
		standings[l.ID] = workspace.Untouched
	}
	at := func(i int) *course.Lab { return c.Labs[i] }
	for _, tt := range []struct {
		name     string
		from, to *course.Lab
		want     string
	}{
		{"none", at(4), at(5), ""},
		{"nowhere to go", at(4), nil, ""},
		{"one", at(2), at(4), "B04 comes after B09"},
		{"several", at(0), at(4), "B02 comes after B09 and B08, B03 comes after B09, 1 more likewise"},
		{"round the course", at(6), at(0), ""},
		{"to one that waits itself", at(0), at(3), ""},
	} {
		if got := workspace.PassedOver(c, standings, tt.from, tt.to); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		standings map[string]workspace.Standing
		last      string
		want      string
	}{
		{"nothing has been done", nil, "", "B01"},
		{"the one begun", map[string]workspace.Standing{"B04": workspace.Begun}, "", "B04"},
		{"of two begun the first", map[string]workspace.Standing{"B04": workspace.Begun, "B03": workspace.NotRaced}, "", "B03"},
		{"of two begun the one worked on last", map[string]workspace.Standing{"B04": workspace.Begun, "B03": workspace.Begun}, "B04", "B04"},
		{"the one worked on last is passed", map[string]workspace.Standing{"B01": workspace.Passed}, "B01", "B03"},
		{"what was edited after a pass is not begun", map[string]workspace.Standing{"B01": workspace.Failing}, "B01", "B03"},
	} {
		all := map[string]workspace.Standing{}
		for _, l := range road().Labs {
			all[l.ID] = workspace.Untouched
		}
		maps.Copy(all, tt.standings)
		if got := workspace.Resume(road(), all, tt.last); got == nil || got.ID != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.name, got, tt.want)
		}
	}
}
