package batch_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// bench is a course and a grader of it, whose checks all pass without being run.
type bench struct {
	t   *testing.T
	c   *course.Course
	g   *batch.Grader
	ran atomic.Int32
	on  func() // is called with each check
}

func setup(t *testing.T) *bench {
	t.Helper()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, c: coursetest.New(t, example), on: func() {}}
	dir := filepath.Join(t.TempDir(), "bin")
	b.g = &batch.Grader{
		Labs:    b.c.Labs,
		Builder: func() *compile.Builder { return &compile.Builder{Course: b.c, Dir: dir} },
		Open: func(context.Context, []string) (grade.Stores, error) {
			return nil, &grade.Unavailable{Reason: "no Redis here", Remedy: "labs doctor"}
		},
		Sandbox: runtest.Actor(func(ctx context.Context, _ sandbox.Command,
			p runtest.Pipe) (sandbox.Exit, error) {
			b.ran.Add(1)
			b.on()
			if ctx.Err() != nil {
				return sandbox.Exit{}, ctx.Err()
			}
			p.Canary()
			p.Own(account.Passed)
			return runtest.Honest, nil
		}),
		Course: run.Revision{Module: b.c.Module, Commit: "1f65ec7"},
	}
	return b
}

// hand makes a submission: for each lab "reference", "changed", "unfinished" or "stub".
func (b *bench) hand(dir string, labs map[string]string) batch.Submission {
	b.t.Helper()
	for slug, what := range labs {
		l, err := b.c.Named(slug)
		if err != nil {
			b.t.Fatal(err)
		}
		from := map[string]string{"stub": l.StubDir()}[what]
		if from == "" {
			from = l.SolutionDir
		}
		for _, file := range l.Files {
			data, err := os.ReadFile(filepath.Join(from, file))
			if err != nil {
				b.t.Fatal(err)
			}
			switch what {
			case "changed":
				data = append(data, "\nvar mine = 1\n"...)
			case "unfinished":
				data = append(data, "\n/* the reference, but for a comment\n"...)
			}
			put(b.t, filepath.Join(dir, "labs", l.Slug, file), string(data))
		}
	}
	return batch.Submission{Name: filepath.Base(dir), Path: dir}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// one judges a submission and tells the results in short: "B01 passed 3/3 (2 checks)".
func (b *bench) one(s batch.Submission) []string {
	b.t.Helper()
	if err := b.g.One(b.t.Context(), &s, nil, nil); err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, r := range s.Results {
		if r.Submission != s.Name || r.Course.Commit != "1f65ec7" || r.Sandbox == "" ||
			r.Schema != run.Schema {
			b.t.Errorf("the result does not say what has judged: %+v", r)
		}
		line := r.Lab + " " + string(r.Verdict)
		if r.Lab != "" && (r.MaxPoints == 0 || len(r.Checks) == 0) {
			b.t.Errorf("%s has the maximum %d and %d checks", line, r.MaxPoints, len(r.Checks))
		}
		all = append(all, strings.Join(append([]string{line}, r.Notes...), "; "))
	}
	return all
}

func TestOne(t *testing.T) {
	t.Parallel()
	const reference = "this is the course's reference, word for word but for comments and layout"
	for _, tt := range []struct {
		name     string
		demanded []string
		labs     map[string]string
		want     []string
	}{
		{"what was written", nil, map[string]string{"b01": "changed"}, []string{"B01 passed"}},
		{"the reference", nil, map[string]string{"b01": "reference"}, []string{"B01 passed; " + reference}},
		{"a whole repository", nil, map[string]string{"b01": "changed", "i01": "stub", "a01": "stub"},
			[]string{"B01 passed; 2 other labs are the untouched stub and were left out"}},
		{"one lab untouched beside another", nil, map[string]string{"b01": "changed", "i01": "stub"},
			[]string{"B01 passed; i01-counter is the untouched stub and was left out"}},
		{"nothing but stubs", nil, map[string]string{"b01": "stub", "i01": "stub"}, []string{" not_attempted"}},
		{"one stub", nil, map[string]string{"i01": "stub"}, []string{"I01 not_attempted"}},
		{"what is demanded", []string{"b01", "i01"}, map[string]string{"b01": "changed"}, []string{"B01 passed", "I01 not_handed_in"}},
		{"a stub of what is demanded", []string{"b01", "i01"}, map[string]string{"b01": "stub", "a01": "changed"},
			[]string{"B01 not_attempted", "I01 not_handed_in"}},
		{"nothing of what is demanded", []string{"b01", "i01"}, map[string]string{"a01": "changed"},
			[]string{"B01 not_handed_in", "I01 not_handed_in"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if tt.demanded != nil {
				b.g.Demanded = true
				b.g.Labs = slices.DeleteFunc(slices.Clone(b.c.Labs), func(l *course.Lab) bool {
					return !slices.Contains(tt.demanded, strings.ToLower(l.ID))
				})
			}
			if got := b.one(b.hand(filepath.Join(t.TempDir(), "ann"), tt.labs)); !slices.Equal(got,
				tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestOne_withoutSolutions is about a course that was given without them.
func TestOne_withoutSolutions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.hand(filepath.Join(t.TempDir(), "ann"), map[string]string{"b01": "reference"})
	if err := os.RemoveAll(filepath.Join(b.c.Root, "solutions")); err != nil {
		t.Fatal(err)
	}
	if got := b.one(s); !slices.Equal(got, []string{"B01 passed"}) {
		t.Errorf("got %q", got)
	}
}

// TestOne_rejected is about a submission that intake refuses: it has a name, and where it is known
// of which lab it is, the lab's maximum.
// TestOne_theReferenceFails is the course's fault, and costs nobody points.
func TestOne_theReferenceFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.g.Sandbox = runtest.Actor(func(_ context.Context, _ sandbox.Command,
		p runtest.Pipe) (sandbox.Exit, error) {
		p.Canary()
		p.Found("a check that is wrong")
		p.Own(account.Failed)
		return runtest.Honest, nil
	})
	got := b.one(b.hand(t.TempDir(), map[string]string{"b01-adder": "reference"}))
	if len(got) != 1 || !strings.HasPrefix(got[0], "B01 infra_error; this is the course's reference") {
		t.Errorf("got %q, want no verdict", got)
	}
	got = b.one(b.hand(t.TempDir(), map[string]string{"b01-adder": "changed"}))
	if len(got) != 1 || !strings.HasPrefix(got[0], "B01 failed") {
		t.Errorf("got %q of somebody's own code, want failed", got)
	}
}

// TestOne_aCommentFails is the fault of whoever has put it into the reference.
func TestOne_aCommentFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.one(b.hand(t.TempDir(), map[string]string{"b01-adder": "unfinished"}))
	if len(got) != 1 || !strings.HasPrefix(got[0], "B01 build_failed; this is the course's reference") {
		t.Errorf("got %q, want that it does not compile", got)
	}
}

// TestOne_anArchiveInAFolder is how learning platforms give what was uploaded.
func TestOne_anArchiveInAFolder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, err := b.c.Named("b01")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(l.SolutionDir, l.Files[0]))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("labs/b01-adder/" + l.Files[0])
	if err == nil {
		_, err = w.Write(append(source, "\nvar mine = 1\n"...))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "homework.zip"), packed.String())
	put(t, filepath.Join(dir, ".DS_Store"), "")
	s := batch.Submission{Name: filepath.Base(dir), Path: dir}
	if got := b.one(s); len(got) != 1 || got[0] != "B01 passed" {
		t.Errorf("got %q, want the archive read", got)
	}
	put(t, filepath.Join(dir, "second.zip"), packed.String())
	if got := b.one(s); len(got) != 1 || !strings.Contains(got[0], "rejected") {
		t.Errorf("got %q of two archives, want none guessed", got)
	}
}

func TestOne_rejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := filepath.Join(t.TempDir(), "notes.txt")
	put(t, path, "no submission")
	s := batch.Submission{Name: "notes.txt", Path: path}
	if got := b.one(s); !slices.Equal(got, []string{" rejected"}) {
		t.Errorf("got %q", got)
	}
	b.g.Demanded, b.g.Labs = true, b.c.Labs[:1]
	if got := b.one(s); !slices.Equal(got, []string{"B01 rejected"}) {
		t.Errorf("got %q", got)
	}
}

// TestOne_doesNotCompile is about the compiler's words: they name no folder of this machine.
func TestOne_doesNotCompile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := batch.Submission{Name: "ann", Path: filepath.Join(t.TempDir(), "ann")}
	put(t, filepath.Join(s.Path, "labs", "b01-adder", "adder.go"),
		"package adder\n\nfunc Add(a, b int) int { return c }\n")
	if got := b.one(s); !slices.Equal(got, []string{"B01 build_failed"}) {
		t.Fatalf("got %q", got)
	}
	if err := b.g.One(t.Context(), &s, nil, nil); err != nil {
		t.Fatal(err)
	}
	if out := s.Results[0].Output; !strings.HasPrefix(out, "labs/b01-adder/adder.go:3:") ||
		strings.Contains(out, os.TempDir()) {
		t.Errorf("got the compiler's words %q", out)
	}
}

// TestAll_theCourseIsBroken has a course whose own checks do not compile: that ends the batch and
// becomes nobody's failure.
func TestAll_theCourseIsBroken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subs := []batch.Submission{b.hand(filepath.Join(t.TempDir(), "ann"),
		map[string]string{"b01": "changed"})}
	put(t, filepath.Join(b.c.Labs[0].Dir, "adder_test.go"), "package adder_test\n\n<<<<<<< HEAD\n")
	err := b.g.All(t.Context(), subs, batch.Many{Jobs: 2})
	if _, ok := errors.AsType[*batch.NotReady](err); !ok || subs[0].Results != nil {
		t.Errorf("got %v and the results %v", err, subs[0].Results)
	}
}

// TestAll_stopped stops a batch after its first submission. What is graded stays, and a second run
// judges the rest alone.
func TestAll_stopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dir, journals := t.TempDir(), t.TempDir()
	for _, name := range []string{"ann", "bob", "cid"} {
		b.hand(filepath.Join(dir, name), map[string]string{"b01": "changed"})
	}
	put(t, filepath.Join(dir, "notes.txt"), "")
	list := func() []batch.Submission {
		subs, strays, err := batch.List([]string{dir}, false)
		if err != nil || len(subs) != 3 || !slices.Equal(strays,
			[]string{"notes.txt is neither a folder nor an archive"}) {
			t.Fatalf("got %v, %q, %v", subs, strays, err)
		}
		return subs
	}
	grade := func(ctx context.Context, resume bool, on func(batch.Event)) ([]batch.Submission,
		error) {
		j, err := batch.OpenJournal(journals, b.g.Key([]string{dir}), resume)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		subs := list()
		return subs, b.g.All(ctx, subs, batch.Many{Jobs: 1, Journal: j, On: on})
	}
	ctx, stop := context.WithCancel(t.Context())
	subs, err := grade(ctx, false, func(e batch.Event) {
		if e.Done {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || batch.Graded(subs) != 1 ||
		len(batch.Results(subs)) != 1 {
		t.Fatalf("got %v and %d graded, want one", err, batch.Graded(subs))
	}
	before := b.ran.Load()
	subs, err = grade(t.Context(), true, nil)
	if ran := b.ran.Load() - before; err != nil || batch.Graded(subs) != 3 || ran != 2*before {
		t.Errorf("got %v, %d graded and %d checks run, want 3 and those of two", err,
			batch.Graded(subs), ran)
	}
	if total := report.TotalOf(batch.Results(subs)); total.Points != total.MaxPoints ||
		total.Unscored != 0 {
		t.Errorf("got %+v", total)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"ann/labs/x", "bob.zip", ".DS_Store", "__MACOSX/x", "Thumbs.db",
		"other/ann/x"} {
		put(t, filepath.Join(dir, name), "")
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	more := t.TempDir() // somebody has handed in each of these
	put(t, filepath.Join(more, "hal.rar"), "")
	put(t, filepath.Join(more, "eve.tar.bz2"), "")
	put(t, filepath.Join(more, "ida"), "PK\x03\x04")
	put(t, filepath.Join(more, "bucket.go"), "package x")
	at := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, filepath.Join(dir, name))
		}
		return paths
	}
	for _, tt := range []struct {
		name     string
		paths    []string
		demanded bool
		want     string
	}{
		{"a folder", at(""), false, "ann bob.zip other; Thumbs.db is neither a folder nor an archive; empty is empty"},
		{"where something is demanded", at(""), true, "ann bob.zip empty other; Thumbs.db is neither a folder nor an archive"},
		{"a submission", at("ann"), false, "ann"},
		{"an archive", at("bob.zip"), false, "bob.zip"},
		{"several", at("bob.zip", "ann"), false, "ann bob.zip"},
		{"two of one name", at("ann", "other/ann"), false, "ann ann (2)"},
		{"nothing", nil, false, "--submissions is given without a submission"},
		{"standard input", []string{"-", "-"}, false, "standard input cannot be one of many submissions"},
		{"archives that are not read", []string{more}, false, "eve.tar.bz2 hal.rar ida; bucket.go is neither a folder nor an archive"},
		{"an empty folder", at("empty"), false, "there are no submissions in " + filepath.Join(dir, "empty")},
	} {
		subs, strays, err := batch.List(tt.paths, tt.demanded)
		var names []string
		for _, s := range subs {
			names = append(names, s.Name)
		}
		got := strings.Join(append([]string{strings.Join(names, " ")}, strays...), "; ")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// less is a sandbox that promises less than others.
type less struct{ sandbox.Sandbox }

func (less) Caveats() []string { return []string{"it promises less"} }

// TestOne_caveats is that what the sandbox promises less is said once of every result, also of one
// that was judged without it.
func TestOne_caveats(t *testing.T) {
	t.Parallel()
	for name, labs := range map[string]map[string]string{
		"judged": {"b01": "changed"}, "not attempted": {"b01": "stub"}, "not handed in": {"a01": "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.g.Demanded, b.g.Labs = true, b.c.Labs[:1]
			b.g.Sandbox = less{b.g.Sandbox}
			dir := filepath.Join(t.TempDir(), "ann")
			put(t, filepath.Join(dir, "README.md"), "")
			results := b.one(b.hand(dir, labs))
			if len(results) == 0 {
				t.Error("got no result")
			}
			for _, r := range results {
				if strings.Count(r, "it promises less") != 1 {
					t.Errorf("got %q", r)
				}
			}
		})
	}
}
