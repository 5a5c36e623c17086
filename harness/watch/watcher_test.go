package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A save is made in one of the ways of the editors; what comes of it is one change, whatever
// happened in between.
func TestWatcher_EveryWayToSaveIsOneChange(t *testing.T) {
	saves := map[string]func(t *testing.T, file, text string){
		"write in place": func(t *testing.T, file, text string) { write(t, file, text) },
		"truncate, then write": func(t *testing.T, file, text string) {
			f, err := os.Create(file)
			must(t, err)
			time.Sleep(150 * time.Millisecond) // longer than the quiet: an empty file is waited for
			_, err = f.WriteString(text)
			must(t, err)
			must(t, f.Close())
		},
		"write a copy and rename it, as JetBrains": func(t *testing.T, file, text string) {
			write(t, file+"___jb_tmp___", text)
			must(t, os.Rename(file, file+"___jb_old___"))
			must(t, os.Rename(file+"___jb_tmp___", file))
			must(t, os.Remove(file+"___jb_old___"))
		},
		"move away, write anew, remove the old, as vim": func(t *testing.T, file, text string) {
			write(t, filepath.Join(filepath.Dir(file), "4913"), "")
			must(t, os.Remove(filepath.Join(filepath.Dir(file), "4913")))
			must(t, os.Rename(file, file+"~"))
			time.Sleep(5 * time.Millisecond)
			write(t, file, text)
			must(t, os.Remove(file+"~"))
		},
		"delete, and create again much later": func(t *testing.T, file, text string) {
			must(t, os.Remove(file))
			time.Sleep(450 * time.Millisecond)
			write(t, file, text)
		},
		"replace the whole folder": func(t *testing.T, file, text string) {
			must(t, os.RemoveAll(filepath.Dir(file)))
			must(t, os.Mkdir(filepath.Dir(file), 0o755))
			write(t, file, text)
		},
		"save without a change, touch, chmod, then write": func(t *testing.T, file, text string) {
			old, err := os.ReadFile(file)
			must(t, err)
			write(t, file, string(old))
			time.Sleep(150 * time.Millisecond)
			must(t, os.Chtimes(file, time.Now(), time.Now()))
			must(t, os.Chmod(file, 0o600))
			time.Sleep(150 * time.Millisecond)
			write(t, file, text)
		},
		"write a file that is none of the lab's, then write": func(t *testing.T, file,
			text string) {
			write(t, filepath.Join(filepath.Dir(file), ".bucket.go.swp"), "x")
			time.Sleep(150 * time.Millisecond)
			write(t, file, text)
		},
	}
	for name, save := range saves {
		twice := func(t *testing.T, w *Watcher, file string) {
			// the second time shows that nothing is left of the first
			for _, text := range []string{"first", "second"} {
				save(t, file, text)
				if got := <-w.Changes(); got != text {
					t.Fatalf("got the change %q, want %q and nothing before it", got, text)
				}
			}
		}
		t.Run(name+"/events", func(t *testing.T) {
			t.Parallel()
			dir, file := folder(t)
			f, patient := content(dir, file), usual
			patient.patience = time.Minute // this runs in real time, on a machine that may be busy
			w, _ := start(f, patient, listen(f.Dirs, f.Match),
				func() stamp { return stampOf(f.Dirs, f.Match) })
			defer w.Close()
			twice(t, w, file)
		})
		t.Run(name+"/polling alone", func(t *testing.T) {
			t.Parallel()
			dir, file := folder(t)
			synctest.Test(t, func(t *testing.T) {
				f := content(dir, file)
				w, _ := start(f, usual, events{}, func() stamp { return stampOf(f.Dirs, f.Match) })
				defer w.Close()
				twice(t, w, file)
			})
		})
	}
}

func TestWatcher_EventsAlone(t *testing.T) {
	t.Parallel()
	dir, file := folder(t)
	f := content(dir, file)
	never := usual
	never.poll = time.Hour
	w, _ := start(f, never, listen(f.Dirs, f.Match),
		func() stamp { return stampOf(f.Dirs, f.Match) })
	defer w.Close()
	for i := range 4 {
		if i == 1 {
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o755))
		}
		write(t, file, fmt.Sprint(i))
		select {
		case <-w.Changes():
		case <-time.After(20 * time.Second):
			t.Fatalf("no event told of write %d", i)
		}
	}
}

func TestWatcher_AMissingFileIsAChangeOnceItStaysAway(t *testing.T) {
	t.Parallel()
	dir, file := folder(t)
	synctest.Test(t, func(t *testing.T) {
		f := content(dir, file)
		w, _ := start(f, usual, events{}, func() stamp { return stampOf(f.Dirs, f.Match) })
		defer w.Close()
		must(t, os.Remove(file))
		began := time.Now()
		if got := <-w.Changes(); got != "missing" || time.Since(began) < usual.patience {
			t.Errorf("got the change %q after %v, want missing after more than %v", got,
				time.Since(began), usual.patience)
		}
		write(t, file, "begin") // the same as in the beginning
		if got := <-w.Changes(); got != "begin" {
			t.Errorf("got the change %q, want begin", got)
		}
	})
}

// memory is a file in memory, for a watcher in virtual time.
type memory struct {
	heard chan struct{} // of a write; nil: nobody hears

	mu      sync.Mutex
	text    string
	version int // counts the contents
	wrote   time.Time
	reads   int
}

func (m *memory) write(text string) { m.writeAt(time.Now(), text) }

func (m *memory) writeAt(wrote time.Time, text string) {
	m.mu.Lock()
	if text != m.text {
		m.version++
	}
	m.text, m.wrote = text, wrote
	m.mu.Unlock()
	if m.heard != nil {
		m.heard <- struct{}{}
	}
}

func (m *memory) read() (text string, version int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return m.text, m.version
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *memory) stamp() stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return stamp{m.wrote.String(), m.wrote}
}

func (m *memory) watch() (*Watcher, string) {
	state := func() (string, bool) {
		text, _ := m.read()
		return stateOf(text), text != ""
	}
	return start(Files{State: state}, usual, events{heard: m.heard}, m.stamp)
}

// within waits for a change, for so long.
func within(w *Watcher, d time.Duration) (state string, changed bool) {
	select {
	case state = <-w.Changes():
		return state, true
	case <-time.After(d):
		return "", false
	}
}

func TestWatcher_WaitsForTheLastOfSeveralWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{text: "0", heard: make(chan struct{})}
		w, _ := m.watch()
		defer w.Close()
		for _, text := range []string{"1", "2", "3"} {
			m.write(text)
			time.Sleep(90 * time.Millisecond)
		}
		wrote := m.stamp().newest
		if got, _ := within(w, time.Minute); got != stateOf("3") ||
			time.Since(wrote) != usual.quiet {
			t.Errorf("got the change %q %v after the last write, want 3 after %v", got,
				time.Since(wrote), usual.quiet)
		}
		if got, changed := within(w, time.Minute); changed {
			t.Errorf("got another change, %q", got)
		}
	})
}

func TestWatcher_LooksNowAndThenAtAFileThatIsWrittenWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{text: "0", heard: make(chan struct{})}
		w, _ := m.watch()
		defer w.Close()
		go func() {
			for i := range 100 {
				m.write(fmt.Sprint("write ", i))
				time.Sleep(50 * time.Millisecond)
			}
		}()
		began := time.Now()
		if _, changed := within(w, time.Minute); !changed || time.Since(began) > usual.most {
			t.Errorf("a change was told after %v, want at most %v", time.Since(began), usual.most)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestWatcher_AChangeThatIsUndoneIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{text: "a", heard: make(chan struct{})}
		w, _ := m.watch()
		defer w.Close()
		m.write("b")
		time.Sleep(time.Second) // it has been found, and nobody has taken it
		m.write("a")
		time.Sleep(time.Second)
		if got, changed := within(w, time.Minute); changed {
			t.Errorf("got the change %q", got)
		}
	})
}

func TestWatcher_ComparesWithWhatWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{text: "a", heard: make(chan struct{})}
		w, _ := m.watch()
		defer w.Close()

		// Between two looks of the watcher the file was b, and somebody has seen that.
		m.write("b")
		m.write("a")
		w.Seen(stateOf("b"))
		if got, changed := within(w, time.Minute); got != stateOf("a") || !changed {
			t.Errorf("got the change %q (%v), want a", got, changed)
		}

		// Somebody has been faster.
		m.write("c")
		w.Seen(stateOf("c"))
		if got, changed := within(w, time.Minute); changed {
			t.Errorf("got the change %q, which has been seen", got)
		}
		m.write("d")
		time.Sleep(time.Second) // the watcher has found it, too
		w.Seen(stateOf("d"))
		if got, changed := within(w, time.Minute); changed {
			t.Errorf("got the change %q, which has been seen", got)
		}
	})
}

func TestWatcher_PollingReadsNothingWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{text: "a", wrote: time.Now()}
		w, _ := m.watch()
		defer w.Close()
		time.Sleep(5 * time.Second)
		before := m.count()
		time.Sleep(time.Minute)
		if n := m.count() - before; n != 0 {
			t.Errorf("read %d times in a minute without a write", n)
		}

		// Two writes that the file system gives one time.
		wrote := time.Now()
		m.write("b")
		if got, _ := within(w, time.Second); got != stateOf("b") {
			t.Fatalf("got the change %q, want b", got)
		}
		m.writeAt(wrote, "c")
		if got, _ := within(w, time.Second); got != stateOf("c") {
			t.Errorf("got the change %q, want c, although the file's time is the same", got)
		}
	})
}

func TestWatcher_CloseEndsIt(t *testing.T) {
	t.Parallel()
	dir, file := folder(t)
	w, _ := New(content(dir, file))
	w.Close()
	w.Seen("after the end") // does not block
	write(t, file, "x")
}

// folder is one with a file in it.
func folder(t *testing.T) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "lab")
	must(t, os.Mkdir(dir, 0o755))
	file = filepath.Join(dir, "bucket.go")
	write(t, file, "begin")
	return dir, file
}

// content watches a file whose content is its state.
func content(dir, file string) Files {
	return Files{
		Dirs:  []string{dir},
		Match: func(name string) bool { return strings.HasSuffix(name, ".go") },
		State: func() (string, bool) {
			data, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) {
				return "missing", false
			}
			return string(data), len(data) > 0
		},
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
