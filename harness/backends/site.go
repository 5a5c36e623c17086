package backends

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/owner"
)

const isWindows = runtime.GOOS == "windows"

// site is what everything that belongs to one Set shares: where it is, who it is, and what it has
// brought about.
type site struct {
	Options
	ctx     context.Context // done once the Set closes
	stop    func()
	self    owner.Process
	id      string // of the Set
	journal *journal
	up      bool // what is started is to be left running: no tie to this process

	progress sync.Mutex
	engine   func(context.Context) (*engine, *Error)
	found    atomic.Pointer[engine] // the engine, once it has been looked for
	used     atomic.Pointer[engine] // the engine, once a container may have been started
	sweeping sync.WaitGroup
}

func newSite(o Options) (*site, error) {
	if o.Provider == "" {
		o.Provider = Auto
	}
	switch o.Provider {
	case Auto, URL, Container, Local, Embedded:
	default:
		return nil, &Error{
			Kind: BadOptions, Text: fmt.Sprintf("there is no provider %q of backends", o.Provider),
			Remedy: "one of auto, url, container, local, embedded",
		}
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	o.Slots = slots(o.Slots)
	dir, err := filepath.Abs(o.Dir)
	if err == nil && o.Dir == "" {
		err = os.ErrNotExist
	}
	o.Dir = dir
	st := &site{Options: o, self: owner.Self(), id: secret()}
	st.ctx, st.stop = context.WithCancel(context.Background())
	st.engine = st.engineOnce()
	if err == nil {
		st.journal, err = openJournal(st.runDir(), st.self)
	}
	if err != nil {
		return nil, unwritable(dir, err)
	}
	return st, nil
}

// unwritable is the error of a state folder.
func unwritable(dir string, err error) *Error {
	e := asError("", "", err)
	e.Text = fmt.Sprintf("the state folder %s cannot be written: %v", dir, err)
	if e.Kind != DiskFull {
		e.Kind, e.Remedy = BadOptions, fault.HintOf(fault.Of("", err),
			"make it writable, or name another course folder")
	}
	return e
}

func (st *site) runDir() string { return runDir(st.Dir) }
func (st *site) logDir() string { return filepath.Join(st.Dir, "log") }

// runDir is where the journals of a .labs folder lie.
func runDir(dir string) string { return filepath.Join(dir, "run") }

// close is called when all sources are closed.
func (st *site) close() {
	st.stop()
	st.sweeping.Wait()
	if !st.up {
		st.removeContainers()
	}
	if e := st.found.Load(); e != nil {
		e.cli.Close()
	}
	st.journal.close()
}

// say tells the human.
func (st *site) say(format string, args ...any) {
	if st.Progress == nil {
		return
	}
	st.progress.Lock()
	defer st.progress.Unlock()
	st.Progress(fmt.Sprintf(format, args...))
}

// slowly tells the human what is going on if it is still going on after a moment. The result ends
// it.
func (st *site) slowly(format string, args ...any) (done func()) {
	return st.after(500*time.Millisecond, format, args...)
}

func (st *site) after(moment time.Duration, format string, args ...any) (done func()) {
	timer := time.AfterFunc(moment, func() { st.say(format, args...) })
	return func() { timer.Stop() }
}

// bounded is ctx, done when the Set closes, and with a limit of time.
func (st *site) bounded(ctx context.Context, limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(st.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// patiently starts a server: on another port where somebody else was quicker, and once more where it
// has not answered in time, as on a machine that is very busy.
func (st *site) patiently(ctx context.Context, name string, start func() error) (err error) {
	late := false
	for range 3 {
		err = start()
		e, known := errors.AsType[*Error](err)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case known && e.Kind == PortTaken:
		case errors.Is(err, context.DeadlineExceeded) && !late:
			late = true
			st.say("%s has not answered in time; starting it again", name)
		default:
			return err
		}
	}
	return err
}

// tempPrefix begins the name of every temporary folder; a sweep removes no other.
const tempPrefix = "backend-labs-"

// tempDir makes a folder of mode 0700 that u (nil is this user) owns and can reach: below Dir, or
// else below the system's folder for temporary files, as when Dir is on a file system without
// permissions or in a closed home.
func (st *site) tempDir(kind string, u *user) (string, error) {
	dir, err := st.tempDirIn(filepath.Join(st.Dir, "tmp"), kind, u)
	if err == nil || diskFull(err) {
		return dir, err
	}
	return st.tempDirIn(os.TempDir(), kind, u)
}

func (st *site) tempDirIn(base, kind string, u *user) (string, error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	if u != nil && !u.reaches(base) {
		return "", &Error{
			Kind: NotAllowed, Text: fmt.Sprintf(
				"%s is not reachable for user %s, as whom servers run here", base, u.name),
			Remedy: "set TMPDIR to a folder that everybody may enter, such as /tmp",
		}
	}
	dir := filepath.Join(base, tempPrefix+kind+"-"+strings.ToLower(rand.Text()[:10]))
	if err := st.journal.add(entry{Dir: dir}); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !isWindows && info.Mode().Perm() != 0o700 {
		err = fmt.Errorf("%s is on a file system without permissions", base)
	}
	if err == nil && u != nil {
		err = os.Chown(dir, u.uid, u.gid)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}

// removeTemp removes a folder that tempDir made, and nothing else. A server that is just ending may
// still write into it, so it tries again for a moment.
func removeTemp(dir string) error {
	if !strings.HasPrefix(filepath.Base(dir), tempPrefix) {
		return fmt.Errorf("%s is no temporary folder of labs", dir)
	}
	var err error
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// freePort asks the system for a port that nobody listens on. Another program may take it before it
// is used: whoever uses it tries again with another one.
func (st *site) freePort() (int, error) {
	if st.ports != nil {
		return st.ports()
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// cacheDir is where things are kept that cost time to make and that any course can use. If u is not
// nil, the folder must be reachable for it, too.
func (st *site) cacheDir(u *user) (string, error) {
	base := st.Getenv("XDG_CACHE_HOME")
	if base == "" || !filepath.IsAbs(base) {
		var err error
		if base, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	if u != nil && !u.reaches(base) {
		base = "/var/cache" // only root has another user, and only Unix has root
	}
	return filepath.Join(base, "backend-labs"), nil
}

// secret is a password or a name that cannot be guessed.
func secret() string { return strings.ToLower(rand.Text()) }
