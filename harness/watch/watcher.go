// Package watch checks a lab again whenever it is saved. A [Watcher] notices saves, a [Session]
// judges what is newest and answers keys, and a [View] shows where it stands: [Screen] on a
// terminal, [Lines] where there is none.
package watch

import (
	"context"
	"time"
)

// Files are what a [Watcher] looks at.
type Files struct {
	// the folders; never the files, since a save by renaming replaces these
	Dirs  []string
	Match func(name string) bool // which files in them count, by their base name; nil: all

	// State identifies the content of the files: two equal states are judged alike. What is not
	// settled looks like a save that is only half done, such as a file that is missing or empty: it
	// is waited for a while.
	State func() (state string, settled bool)
}

// Watcher tells when files have another content than before. It hears of writes from the operating
// system, and looks for itself besides, since such events do not arrive on every file system.
type Watcher struct {
	files Files
	t     timing

	changes chan string
	seen    chan string
	stop    context.CancelFunc
	done    chan struct{}
}

// timing is how patient a watcher is.
type timing struct {
	quiet    time.Duration // a save is over when nothing has been written for so long
	most     time.Duration // but files that are written without end are looked at this often
	poll     time.Duration // how often to look without an event
	patience time.Duration // how long a save may be half done
	coarse   time.Duration // a file system may not tell two writes apart that are closer than this
}

// usual: editors that write a copy and rename it need some milliseconds for it, so 100 of quiet are
// ample, and are not felt. Two seconds is how coarse times are on FAT.
var usual = timing{quiet: 100 * time.Millisecond, most: time.Second, poll: 300 * time.Millisecond,
	patience: time.Second, coarse: 2500 * time.Millisecond}

// New starts to watch. The state is that of the files now; what differs from it is a change.
func New(f Files) (w *Watcher, state string) {
	return start(f, usual, listen(f.Dirs, f.Match),
		func() stamp { return stampOf(f.Dirs, f.Match) })
}

// Changes gives the newest content's state each time that it is another one than that given before,
// or seen. Of several changes that nobody has taken only the last is given, and none if it was
// undone.
func (w *Watcher) Changes() <-chan string { return w.changes }

// Seen says that somebody has found the files in this state: what differs from it is a change.
// Whoever reads the files may be faster than the watcher, and the content may be the old one again
// when the watcher looks.
func (w *Watcher) Seen(state string) {
	select {
	case w.seen <- state:
	case <-w.done:
	}
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.stop()
	<-w.done
}

// events is where to hear of writes. The zero value is one that never tells.
type events struct {
	heard <-chan struct{}
	renew func() // takes up folders that have been replaced
	close func()
}

func start(f Files, t timing, e events, look func() stamp) (w *Watcher, state string) {
	ctx, stop := context.WithCancel(context.Background())
	w = &Watcher{files: f, t: t, changes: make(chan string), seen: make(chan string), stop: stop,
		done: make(chan struct{})}
	o := &observer{Watcher: w, events: e, look: look, quiet: time.NewTimer(time.Hour)}
	o.quiet.Stop()
	o.stamp = look()
	state, _ = f.State()
	o.known = state
	go o.run(ctx)
	return w, state
}

// observer is the goroutine of a Watcher.
type observer struct {
	*Watcher
	events events
	look   func() stamp

	known   string // the state that was given or seen last
	pending string // the state to give
	changed bool   // there is one

	stamp     stamp
	quiet     *time.Timer
	stirring  time.Time // when the first write since the last inspection was heard of
	unsettled time.Time // since when a save is half done
}

func (o *observer) run(ctx context.Context) {
	defer close(o.done)
	if o.events.close != nil {
		defer o.events.close()
	}
	poll := time.NewTicker(o.t.poll)
	defer poll.Stop()
	defer o.quiet.Stop()
	for {
		var give chan string
		if o.changed {
			give = o.changes
		}
		select {
		case <-ctx.Done():
			return
		case <-o.events.heard:
			o.stir()
		case <-poll.C:
			o.poll()
		case state := <-o.seen:
			o.note(state)
		case <-o.quiet.C:
			o.inspect()
		case give <- o.pending:
			o.known, o.changed = o.pending, false
		}
	}
}

// stir notes that something is being written.
func (o *observer) stir() {
	if o.stirring.IsZero() {
		o.stirring = time.Now()
	}
	o.quiet.Reset(min(o.t.quiet, o.t.most-time.Since(o.stirring)))
}

// poll looks whether something has been written without an event. It costs no more than asking for
// the files' times, unless these are so young that another write could have got the same.
func (o *observer) poll() {
	if !o.stirring.IsZero() {
		return
	}
	if now := o.look(); now.text != o.stamp.text || time.Since(now.newest) < o.t.coarse {
		o.stir()
	}
}

func (o *observer) note(state string) {
	if state == o.known {
		return
	}
	o.known = state
	o.changed = o.changed && o.pending != state
	o.stir()
}

// inspect reads the files: nothing has been written for a while.
func (o *observer) inspect() {
	o.stirring = time.Time{}
	if o.events.renew != nil {
		o.events.renew()
	}
	o.stamp = o.look() // before the reading: whatever is written during it has another stamp
	state, settled := o.files.State()
	switch {
	case settled:
		o.unsettled = time.Time{}
	case o.unsettled.IsZero():
		o.unsettled = time.Now()
	}
	if !settled && time.Since(o.unsettled) < o.t.patience {
		o.stir()
		return
	}
	o.pending, o.changed = state, state != o.known
}
