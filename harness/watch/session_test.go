package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// rig is a session in virtual time with a lab's file in memory and a judge that takes its time.
type rig struct {
	t       *testing.T
	file    *memory
	session *Session
	keys    chan rune
	cancel  context.CancelFunc
	ended   chan error

	// how long the judge takes; race 0: the lab has no run under it
	build, plain, race, keep time.Duration
	slowEnd                  time.Duration // how long it takes to end when it is cancelled
	deaf                     bool          // or it goes on to the end
	fails                    error

	mu       sync.Mutex
	calls    []call
	finals   []int // the versions of the file that full verdicts were given on
	scenes   []Scene
	judging  int
	overlaps int
}

// call is one call of Judge.
type call struct {
	lab   string
	again bool
	err   error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, file: &memory{text: "0"}, keys: make(chan rune), ended: make(chan error, 1),
		build: 200 * time.Millisecond, plain: 50 * time.Millisecond}
	labs := []*course.Lab{{ID: "B01", Slug: "b01-one", Title: "One"},
		{ID: "B02", Slug: "b02-two", Title: "Two"}, {ID: "B03", Slug: "b03-three", Title: "Three"}}
	at := func(l *course.Lab, d int) *course.Lab {
		for i := range labs {
			if labs[i] == l && i+d >= 0 && i+d < len(labs) {
				return labs[i+d]
			}
		}
		return nil
	}
	r.session = &Session{
		Judge: r.judge, View: r, Keys: r.keys,
		Watch:  func(*course.Lab) (Source, string) { return r.file.watch() },
		Next:   func(l *course.Lab) *course.Lab { return at(l, +1) },
		Before: func(l *course.Lab) *course.Lab { return at(l, -1) },
		Pages: map[rune]func(context.Context, Scene) (*Page, error){
			KeyHelp: Help,
			KeyList: func(context.Context, Scene) (*Page, error) {
				return &Page{Lines: []string{"beginner", "one", "two", "three"},
					Labs: append([]*course.Lab{nil}, labs...)}, nil
			},
			KeySolution: func(context.Context, Scene) (*Page, error) {
				return nil,
					errors.New("not passed yet")
			},
		},
	}
	return r
}

func (r *rig) begin() {
	ctx, cancel := context.WithCancel(r.t.Context())
	r.cancel = cancel
	first := &course.Lab{ID: "B01", Slug: "b01-one"}
	if p, _ := r.session.Pages[KeyList](ctx, Scene{}); p != nil {
		first = p.Labs[1]
	}
	go func() { r.ended <- r.session.Run(ctx, first) }()
}

func (r *rig) end() {
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("the session ended with %v", err)
	}
}

func (r *rig) Draw(s Scene) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scenes = append(r.scenes, s)
}

// now is what is shown.
func (r *rig) now() Scene {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.scenes[len(r.scenes)-1]
}

// press presses keys and returns what is then shown.
func (r *rig) press(keys ...rune) Scene {
	for _, k := range keys {
		r.keys <- k
	}
	return r.now()
}

// judge reads the file as a build does, some time after it has begun, and reports what it has read.
func (r *rig) judge(ctx context.Context, l *course.Lab, again bool,
	show func(Verdict)) (err error) {
	r.mu.Lock()
	if r.judging++; r.judging > 1 {
		r.overlaps++
	}
	build, plain, race, keep, slowEnd, fails := r.build, r.plain, r.race, r.keep, r.slowEnd, r.fails
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.judging--
		r.calls = append(r.calls, call{l.ID, again, err})
	}()
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-ctx.Done():
			time.Sleep(slowEnd)
			return r.deaf
		}
	}
	if fails != nil {
		return fails
	}
	if !pause(build / 2) {
		return ctx.Err()
	}
	text, version := r.file.read()
	if !pause(build / 2) {
		return ctx.Err()
	}
	show(Verdict{Partial: true,
		Result: run.Result{Checks: []run.Check{{Test: "TestOne", Verdict: run.Failed}}}})
	if !pause(plain) {
		return ctx.Err()
	}
	v := Verdict{State: stateOf(text), Result: run.Result{Lab: l.ID, SourceSHA256: text,
		Verdict: run.Failed}}
	if text == "good" {
		v.Result.Verdict, v.Result.Race.State = run.Passed, run.RaceDone
	}
	if race > 0 {
		v.Plain = true
		show(v)
		if !pause(race) {
			return ctx.Err()
		}
		v.Plain = false
	}
	r.mu.Lock()
	r.finals = append(r.finals, version)
	r.mu.Unlock()
	show(v)
	if !pause(keep) {
		return ctx.Err()
	}
	return nil
}

// stateOf is how the memory's watcher names a content.
func stateOf(text string) string { return "content " + text }

func (r *rig) count() (calls, finals int) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls), len(r.finals)
}

func TestSession_JudgesAtOnceAndAfterEachSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.file.heard = make(chan struct{})
		r.begin()
		time.Sleep(time.Second)
		if s := r.now(); s.Phase != Idle || s.Result == nil || s.Result.SourceSHA256 != "0" {
			t.Fatalf("after the start: %+v", s)
		}
		for _, text := range []string{"1", "2", "3"} {
			r.file.write(text)
			time.Sleep(usual.quiet + r.build + r.plain) // no longer than needed
			if s := r.now(); s.Phase != Idle || s.Result.SourceSHA256 != text {
				t.Errorf("after the save of %s: phase %v, result of %s", text, s.Phase,
					s.Result.SourceSHA256)
			}
			time.Sleep(time.Minute)
		}
		if calls, finals := r.count(); calls != 4 || finals != 4 {
			t.Errorf("%d runs with %d verdicts for the start and 3 saves, want 4", calls, finals)
		}
		r.end()
	})
}

func TestSession_ASaveDuringARunEndsItAndIsJudged(t *testing.T) {
	// in the build, the plain run, the race run
	for _, at := range []time.Duration{1, 90, 110, 200, 240, 260, 400, 900} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.race, r.slowEnd = time.Second, 30*time.Millisecond
			r.file.heard = make(chan struct{})
			r.begin()
			time.Sleep(at * time.Millisecond)
			r.file.write("1")
			time.Sleep(usual.quiet)
			// The build may already have read the new content: then that run is the one.
			if s := r.now(); s.Phase != Checking && s.Result.SourceSHA256 != "1" {
				t.Errorf("saved at %d ms: the result of %s is shown as the current one", at,
					s.Result.SourceSHA256)
			}
			time.Sleep(time.Minute)
			if s := r.now(); s.Phase != Idle || s.Result.SourceSHA256 != "1" {
				t.Errorf("saved at %d ms: phase %v, result of %s", at, s.Phase,
					s.Result.SourceSHA256)
			}
			if _, finals := r.count(); finals != 1 {
				t.Errorf("saved at %d ms: %d full verdicts, want 1", at, finals)
			}
			r.end()
		})
	}
}

func TestSession_ARunThatHasReadTheNewContentGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.build, r.plain, r.race = 20*time.Millisecond, 10*time.Millisecond, time.Second
		r.file.heard = make(chan struct{})
		r.begin()
		time.Sleep(5 * time.Millisecond)
		r.file.write("1")
		time.Sleep(time.Minute)
		if calls, _ := r.count(); calls != 1 || r.now().Result.SourceSHA256 != "1" {
			t.Errorf("%d runs, result of %s", calls, r.now().Result.SourceSHA256)
		}
		r.end()
	})
}

func TestSession_TheVerdictOfACancelledRunIsNotShown(t *testing.T) {
	for range 20 { // it is a matter of chance whether it gets out
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.deaf = true
			r.file.heard = make(chan struct{})
			r.begin()
			time.Sleep(r.build/2 + 10*time.Millisecond)
			r.file.write("1") // which the run has not read
			time.Sleep(time.Minute)
			r.end()
			for _, s := range r.scenes {
				if s.Result != nil && s.Result.SourceSHA256 != "1" {
					t.Errorf("the result of %s was shown", s.Result.SourceSHA256)
				}
			}
		})
	}
}

func TestSession_ASaveWhileAVerdictIsWrittenDownDoesNotStopThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.file.heard = make(chan struct{})
		r.keep = time.Second
		r.begin()
		time.Sleep(300 * time.Millisecond)
		r.file.write("1")
		time.Sleep(time.Minute)
		if calls, finals := r.count(); calls != 2 || finals != 2 || r.calls[0].err != nil {
			t.Errorf("%d runs, %d verdicts, the first ended with %v", calls, finals, r.calls[0].err)
		}
		r.end()
	})
}

func TestSession_TheAnswerToAKeyWaitsForTheVerdictToBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.keep = time.Second
		r.begin()
		time.Sleep(300 * time.Millisecond)
		if s := r.press(KeySolution); s.Notice != "" {
			t.Errorf("the key was answered while the verdict was still being written")
		}
		time.Sleep(2 * time.Second)
		if s := r.now(); s.Notice != "not passed yet" {
			t.Errorf("later: notice %q", s.Notice)
		}
		r.end()
	})
}

// Whatever happens when: each content that lasts is judged once, at the end the newest is, and no
// old result is ever shown as that of the files for longer than it takes to notice a save.
func TestSession_NeverASaveTwiceAndNeverOneLost(t *testing.T) {
	for seed := range uint64(400) {
		synctest.Test(t, func(t *testing.T) { storm(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func storm(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	upTo := func(most time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(most))) }
	r := newRig(t)
	if seed%2 == 0 {
		r.file.heard = make(chan struct{})
	}
	r.build, r.plain = upTo(400*time.Millisecond)+2, upTo(100*time.Millisecond)+1
	if seed%3 != 0 {
		r.race = upTo(2*time.Second) + 1
	}
	r.keep, r.slowEnd = upTo(50*time.Millisecond)+1, upTo(100*time.Millisecond)+1
	r.begin()

	// noticed is how long a save may take to be noticed: a poll, and the quiet after the last of a
	// row of writes.
	noticed := usual.poll + usual.most + usual.quiet
	lately := time.Now()
	current := "0"
	check := func() {
		s := r.now()
		if s.Phase != Checking && s.Result != nil && s.Result.SourceSHA256 != current &&
			time.Since(lately) > noticed {
			t.Errorf("%v after the save of %q the result of %q is shown as the current one",
				time.Since(lately), current, s.Result.SourceSHA256)
		}
	}
	for i := range 1 + rnd.IntN(12) {
		time.Sleep([]time.Duration{upTo(50 * time.Millisecond), upTo(500 * time.Millisecond),
			upTo(3 * time.Second)}[rnd.IntN(3)])
		check()
		if rnd.IntN(4) == 0 { // half a save
			r.file.write("")
			time.Sleep(upTo(400 * time.Millisecond))
		}
		text := fmt.Sprint("save ", i)
		if rnd.IntN(3) == 0 {
			text = fmt.Sprint("save ", i-1) // an undo, or a save without a change
		}
		r.file.write(text)
		if text != current {
			current, lately = text, time.Now()
		}
	}
	time.Sleep(10 * time.Second)
	check()
	if s := r.now(); s.Phase != Idle || s.Result == nil || s.Result.SourceSHA256 != current {
		t.Errorf("at the end the file is %q, and phase %v with %+v is shown", current, s.Phase,
			s.Result)
	}
	r.end()
	for i, v := range r.finals {
		if i > 0 && r.finals[i-1] == v {
			t.Errorf("the content number %d was judged twice (%v)", v, r.finals)
		}
	}
	if r.overlaps > 0 {
		t.Errorf("%d runs began before the one before had ended", r.overlaps)
	}
}

func TestSession_Keys(t *testing.T) {
	// at is a session that has judged the first lab.
	at := func(t *testing.T, f func(t *testing.T, r *rig)) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.begin()
			time.Sleep(time.Second)
			f(t, r)
			r.end()
		})
	}
	settled := func(r *rig) Scene {
		time.Sleep(time.Second)
		return r.now()
	}
	t.Run("r judges again what has not changed", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			r.press('r')
			settled(r)
			if calls, _ := r.count(); calls != 2 || !r.calls[1].again {
				t.Errorf("calls: %+v", r.calls)
			}
		})
	})
	t.Run("n and p go to other labs and back, and judge them", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			for _, step := range []struct {
				key  rune
				want string
			}{{'n', "B02"}, {'n', "B03"}, {'p', "B02"}, {'p', "B01"}, {'p', "B01"}} {
				r.press(step.key)
				if s := settled(r); s.Lab.ID != step.want || s.Phase != Idle || s.Result == nil ||
					s.Result.Lab != step.want {
					t.Errorf("after %c: lab %s with %+v, want %s", step.key, s.Lab.ID, s.Result,
						step.want)
				}
			}
			if s := r.now(); s.Notice == "" {
				t.Error("nothing is said when there is no lab before")
			}
		})
	})
	t.Run("n during a run ends it, and shows nothing of it", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			r.press('r')
			time.Sleep(10 * time.Millisecond)
			if s := r.press('n'); s.Lab.ID != "B02" || s.Result != nil {
				t.Errorf("right after n: %s with %+v", s.Lab.ID, s.Result)
			}
			if s := settled(r); s.Result == nil || s.Result.Lab != "B02" {
				t.Errorf("later: %+v", s.Result)
			}
			if r.overlaps > 0 || !errors.Is(r.calls[1].err, context.Canceled) {
				t.Errorf("the old run went on: %+v", r.calls)
			}
		})
	})
	t.Run("a page hides the result until q, or until a save", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			if s := r.press('?'); s.Page == nil || s.Page.Key != '?' {
				t.Errorf("after ?: %+v", s.Page)
			}
			if s := r.press(Down, 'q'); s.Page != nil {
				t.Error("q does not close the page")
			}
			for _, key := range []rune{'?', 'l', 'b'} {
				if r.press(key); r.press(key).Page != nil {
					t.Errorf("%c once more does not close its page", key)
				}
			}
			r.press('?')
			r.file.write("1")
			if s := settled(r); s.Page != nil || s.Result.SourceSHA256 != "1" {
				t.Error("a save does not close the page")
			}
		})
	})
	t.Run("a lab is picked from the list", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			r.press('l', Down, Down, Down, Up, Up, Down, Down, '\r')
			if s := settled(r); s.Lab.ID != "B03" || s.Page != nil {
				t.Errorf("at %s with page %v", s.Lab.ID, s.Page)
			}
		})
	})
	t.Run("what cannot be shown is said", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			if s := r.press('s'); s.Page != nil || s.Notice != "not passed yet" {
				t.Errorf("after s: page %v, notice %q", s.Page, s.Notice)
			}
			if s := r.press('x'); s.Notice != "? shows the keys" {
				t.Errorf("after x: notice %q", s.Notice)
			}
		})
	})
	t.Run("Ctrl-Z suspends, and what comes after is drawn anew", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			stopped := 0
			r.session.Suspend = func() { stopped++ }
			if s := r.press(ctrlZ); stopped != 1 || !s.Repaint {
				t.Errorf("stopped %d times, repaint %v", stopped, s.Repaint)
			}
			if s := r.press('?'); s.Repaint {
				t.Error("the next scene is drawn anew, too")
			}
		})
	})
	for name, key := range map[string]rune{"q": 'q', "Ctrl-C": ctrlC, "Ctrl-D": ctrlD} {
		t.Run(name+" ends the session, also during a run", func(t *testing.T) {
			at(t, func(t *testing.T, r *rig) {
				r.press('r')
				r.keys <- key
				r.ended <- <-r.ended
				if calls, _ := r.count(); calls != 2 || r.judging != 0 {
					t.Errorf("a run is left over: %+v", r.calls)
				}
			})
		})
	}
	t.Run("without keys any more it goes on", func(t *testing.T) {
		at(t, func(t *testing.T, r *rig) {
			close(r.keys)
			r.file.write("1")
			if s := settled(r); s.Result.SourceSHA256 != "1" {
				t.Errorf("result of %s", s.Result.SourceSHA256)
			}
		})
	})
}

func TestSession_APassSaysWhatIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.race = time.Second
		r.file.text = "good"
		r.begin()
		time.Sleep(500 * time.Millisecond)
		if s := r.now(); s.Phase != Racing || s.Next != nil || passed(s) {
			t.Errorf("before the race run is over: phase %v, next %v", s.Phase, s.Next)
		}
		if s := r.press(KeySolution); s.Notice == "" {
			t.Error("nothing is said of a solution that cannot be shown yet")
		}
		time.Sleep(time.Minute)
		if s := r.now(); s.Notice != "" {
			t.Errorf("after it %q is still said", s.Notice)
		}
		if s := r.now(); !passed(s) || s.Next == nil || s.Next.ID != "B02" || s.Lab.ID != "B01" {
			t.Errorf("after it: lab %s, next %v", s.Lab.ID, s.Next)
		}
		r.end()
	})
}

func TestSession_AnErrorIsShownAndTheNextSaveTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.fails = errors.New("the disk is full")
		r.begin()
		time.Sleep(time.Minute)
		if s := r.now(); s.Phase != Idle || s.Err == nil || s.Result != nil {
			t.Errorf("after the failure: %+v", s)
		}
		if calls, _ := r.count(); calls != 1 {
			t.Errorf("%d runs without a save", calls)
		}
		r.mu.Lock()
		r.fails = nil
		r.mu.Unlock()
		r.file.write("1")
		time.Sleep(time.Minute)
		if s := r.now(); s.Err != nil || s.Result == nil || s.Result.SourceSHA256 != "1" {
			t.Errorf("after the save: %+v", s)
		}
		r.end()
	})
}

func TestSession_APanicComesThroughTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.session.Judge = func(context.Context, *course.Lab, bool,
			func(Verdict)) error {
			panic("of the judge")
		}
		restored := false
		func() {
			defer func() {
				p, _ := recover().(error)
				if p == nil || !strings.Contains(p.Error(), "of the judge") ||
					!strings.Contains(p.Error(), "session_test.go") {
					t.Errorf("recovered %v", p)
				}
			}()
			defer func() { restored = true }()
			r.session.Run(t.Context(), &course.Lab{})
		}()
		if !restored {
			t.Error("deferred calls were not made")
		}
	})
}

func TestSession_ShowsWhatIsKnownSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.plain = 30 * time.Second
		r.begin()
		time.Sleep(r.build + r.plain/2)
		if s := r.now(); s.Phase != Checking || len(s.SoFar) != 1 {
			t.Errorf("in the middle of the run: phase %v, %d checks so far; want one", s.Phase,
				len(s.SoFar))
		}
		r.file.write("1")
		time.Sleep(usual.quiet + r.build/2)
		if s := r.now(); s.Phase != Checking || len(s.SoFar) != 0 {
			t.Errorf("after a save: phase %v, %d checks so far; want none, they are of an "+
				"earlier content", s.Phase, len(s.SoFar))
		}
		time.Sleep(time.Minute)
		if s := r.now(); s.Phase != Idle || len(s.SoFar) != 0 {
			t.Errorf("at the end: phase %v, %d checks so far; want the result alone", s.Phase,
				len(s.SoFar))
		}
		r.end()
	})
}
