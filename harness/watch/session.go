package watch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Session is one sitting of a learner: a lab at a time is watched and judged, and keys are
// answered. Fields that say so may be nil.
type Session struct {
	// Judge judges a lab and calls show with each verdict as it becomes known; the last one counts.
	// again asks for it although nothing has changed. It returns ctx's error when ctx ends, as it
	// does when a save makes it needless. There is one call at a time.
	Judge func(ctx context.Context, l *course.Lab, again bool, show func(Verdict)) error

	// Watch starts to watch a lab's files, which are now in this state.
	Watch func(l *course.Lab) (s Source, state string)

	// Enter, which may be nil, is called with each lab that is begun with. The notice is shown.
	Enter func(ctx context.Context, l *course.Lab) (notice string, err error)

	// Next is the lab to do after one, Before the one that stands before it; or nil.
	Next, Before func(l *course.Lab) *course.Lab

	// Answer, which may be nil, reports whether there is a solution to be seen after a pass.
	Answer func(l *course.Lab) bool

	// Pages are the texts to be had, by their keys. An error is shown as a notice.
	Pages map[rune]func(context.Context, Scene) (*Page, error)

	View View

	// Where there is a terminal; otherwise nil.
	Keys    <-chan rune
	Redraw  <-chan struct{} // its size, or what is on it, has changed
	Suspend func()          // on Ctrl-Z; returns when the user is back
	Notes   <-chan string   // what a run has to say about itself
}

// Source tells of changes as [Watcher] does.
type Source interface {
	Changes() <-chan string
	Seen(state string)
	Close()
}

// Verdict is a result as it becomes known.
type Verdict struct {
	run.Result
	// of the files that were judged, as the Source would say it; "" if that is not known
	State      string
	Plain      bool // the run under the race detector follows
	Remembered bool // from memory
	Partial    bool // it has the checks that have ended so far, and nothing else counts
}

// tick is how often the time that a check takes is shown.
const tick = 100 * time.Millisecond

// Run watches, beginning with a lab, until the user or ctx ends it. An error is one of the
// beginning.
func (s *Session) Run(ctx context.Context, first *course.Lab) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &loop{Session: s, ctx: ctx, verdicts: make(chan Verdict)}
	if err := l.enter(first); err != nil {
		return err
	}
	defer l.leave()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	keys := s.Keys
	for {
		l.draw()
		select {
		case <-ctx.Done():
			return nil
		case state := <-l.source.Changes():
			l.saved(state)
		case v := <-l.verdicts:
			l.judged(v)
		case err := <-l.ended():
			l.finished(err)
		case key, ok := <-keys:
			if !ok {
				keys = nil
			} else if l.press(key) == quit {
				return nil
			}
		case <-s.Redraw:
			l.scene.Repaint = true
		case note := <-s.Notes:
			l.note(note)
		case <-ticker.C:
			l.still = l.scene.Phase == Idle
		}
	}
}

// loop is the state of a Session at work. All of it belongs to the goroutine of Run.
type loop struct {
	*Session
	ctx      context.Context
	scene    Scene
	still    bool // nothing to draw
	came     []*course.Lab
	source   Source
	verdicts chan Verdict

	// At most one attempt is under way. One that has been cancelled says nothing any more; when it
	// has ended, the next one begins if stale is set.
	attempt *attempt
	stale   bool
	again   bool   // the next attempt judges although nothing has changed
	state   string // of the files, as far as the source has told
}

// attempt is one call of Judge.
type attempt struct {
	cancel context.CancelFunc
	done   chan error
	about  string // the state when it began
	saw    string // the state that its verdicts are about; "" if there is none yet
	final  bool   // it has said its last
}

func (l *loop) draw() {
	if !l.still {
		l.View.Draw(l.scene)
	}
	l.still, l.scene.Repaint = false, false
}

// enter begins with a lab.
func (l *loop) enter(lab *course.Lab) error {
	notice := ""
	if l.Enter != nil {
		var err error
		if notice, err = l.Enter(l.ctx, lab); err != nil {
			return err
		}
	}
	if l.source != nil {
		l.source.Close()
	}
	l.scene = Scene{Lab: lab, Notice: notice}
	l.source, l.state = l.Watch(lab)
	l.check()
	return nil
}

// leave waits for what is under way.
func (l *loop) leave() {
	l.source.Close()
	if l.attempt == nil {
		return
	}
	l.attempt.cancel()
	for {
		select {
		case <-l.verdicts:
		case <-l.attempt.done:
			return
		}
	}
}

// check begins an attempt, or has one begun as soon as that under way has ended.
func (l *loop) check() {
	if l.scene.Phase != Checking {
		l.scene.Phase, l.scene.Since = Checking, time.Now()
	}
	l.scene.Next, l.scene.Remembered, l.scene.SoFar = nil, false, nil
	if a := l.attempt; a != nil {
		l.stale = true
		if !a.final { // else it is only writing down what came of it
			a.cancel()
		}
		return
	}
	l.scene.Since = time.Now()
	ctx, cancel := context.WithCancel(l.ctx)
	a := &attempt{cancel: cancel, done: make(chan error, 1), about: l.state}
	l.attempt = a
	lab, again := l.scene.Lab, l.again
	l.again = false
	go func() {
		defer cancel()
		a.done <- protect(func() error {
			return l.Judge(ctx, lab, again, func(v Verdict) {
				select {
				case l.verdicts <- v:
				case <-ctx.Done():
				}
			})
		})
	}()
}

// panicked carries a panic to the goroutine that puts the terminal in order before it goes on with
// it.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n\n%s", p.value, p.stack) }

func protect(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}

// saved hears that the files have another content.
func (l *loop) saved(state string) {
	l.state = state
	l.scene.Page, l.scene.Notice = nil, ""
	if l.attempt != nil && !l.stale && l.attempt.saw == state {
		return // the attempt has been faster than the watcher, and is still at it
	}
	l.check()
}

func (l *loop) judged(v Verdict) {
	if l.stale {
		return // it is about a content that is no more
	}
	if v.Partial {
		l.scene.SoFar, l.scene.Doing = v.Checks, ""
		return
	}
	l.scene.SoFar = nil
	a := l.attempt
	if a.saw = v.State; a.saw == "" {
		a.saw = a.about
	}
	l.scene.Result, l.scene.Remembered, l.scene.At = &v.Result, v.Remembered, time.Now()
	l.scene.Err, l.scene.Doing = nil, ""
	if v.Plain {
		l.scene.Phase, l.scene.Since = Racing, time.Now()
		return
	}
	l.scene.Phase, a.final = Idle, true
	l.scene.Notice = "" // it was about what is over
	if v.Result.Complete() {
		l.scene.Next = l.Next(l.scene.Lab)
		l.scene.NoAnswer = l.Answer != nil && !l.Answer(l.scene.Lab)
	}
	l.source.Seen(a.saw)
}

// ended gives the end of the attempt under way.
func (l *loop) ended() <-chan error {
	if l.attempt == nil {
		return nil
	}
	return l.attempt.done
}

func (l *loop) finished(err error) {
	l.attempt = nil
	var p *panicked
	if errors.As(err, &p) {
		panic(p)
	}
	switch {
	case l.stale:
		l.stale = false
		l.check()
	case err != nil:
		l.scene.Phase, l.scene.Err = Idle, err
		l.scene.Result, l.scene.Doing = nil, ""
	}
}

// settle waits until what the last verdict leaves behind is written.
func (l *loop) settle() {
	if l.attempt != nil && l.attempt.final && !l.stale {
		l.finished(<-l.attempt.done)
	}
}

func (l *loop) note(text string) {
	if l.scene.Phase != Idle {
		l.scene.Doing = text
	}
}

type outcome int

const (
	stay outcome = iota
	quit
)

func (l *loop) press(key rune) outcome {
	l.scene.Notice = ""
	switch key {
	case ctrlC, ctrlD:
		return quit
	case ctrlZ:
		if l.Suspend != nil {
			l.Suspend()
		}
		l.scene.Repaint = true
		return stay
	case ctrlL:
		l.scene.Repaint = true
		return stay
	}
	if l.scene.Page != nil && l.turn(key) {
		return stay
	}
	l.settle()
	switch key {
	case keyQuit:
		return quit
	case keyAgain:
		l.scene.Page, l.again = nil, true
		l.check()
	case keyNext:
		l.move(l.Next(l.scene.Lab), "every other lab is passed: l shows them all")
	case keyPrevious:
		l.back()
	case Down, PageDown, ' ':
		l.open(KeyFull)
	default:
		l.open(key)
	}
	return stay
}

// turn is a key while a page is open. It reports whether it was one for the page.
func (l *loop) turn(key rune) bool {
	p := l.scene.Page
	const all = 1 << 20
	if key == p.Key && key != KeyHint { // h once more is one more hint
		key = keyQuit
	}
	switch key {
	case keyQuit, Escape:
		l.scene.Page = nil
	case '\r', '\n':
		l.scene.Page = nil
		if p.picks() {
			l.move(p.Labs[p.picked], "")
		}
	case Down, 'j':
		p.move(1)
	case Up, 'k':
		p.move(-1)
	case ' ', PageDown:
		p.move(pageful)
	case PageUp:
		p.move(-pageful)
	case Home:
		p.move(-all)
	case End:
		p.move(all)
	default:
		return false
	}
	return true
}

// pageful is how far a page is turned: less than any usual screen shows.
const pageful = 15

// open opens the page of a key.
func (l *loop) open(key rune) {
	write := l.Pages[key]
	if write == nil {
		l.scene.Notice = "? shows the keys"
		return
	}
	page, err := write(l.ctx, l.scene)
	if err != nil {
		l.scene.Notice = err.Error()
		return
	}
	page.Key = key
	page.pick(l.scene.Lab)
	l.scene.Page = page
}

// move goes to another lab.
func (l *loop) move(to *course.Lab, otherwise string) {
	if to == nil || to == l.scene.Lab {
		l.scene.Notice = otherwise
		return
	}
	from := l.scene.Lab
	if err := l.enter(to); err != nil {
		l.scene.Notice = err.Error()
		return
	}
	l.came = append(l.came, from)
}

// back goes to the lab that the user came from, else to the one before in the course.
func (l *loop) back() {
	if len(l.came) == 0 {
		l.move(l.Before(l.scene.Lab), "this is the first lab")
		l.came = nil
		return
	}
	to := l.came[len(l.came)-1]
	rest := slices.Clone(l.came[:len(l.came)-1])
	l.move(to, "")
	l.came = rest
}
