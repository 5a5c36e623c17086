package lock_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/lock"
)

func TestTry(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	if note := lock.Noted(path); note != "" {
		t.Errorf("got the note %q of a lock that is not there", note)
	}
	first, err := lock.Try(path)
	if err != nil || first == nil {
		t.Fatalf("got %v, %v", first, err)
	}
	if err := first.Note("a long note"); err != nil {
		t.Fatal(err)
	}
	if err := first.Note("mine"); err != nil {
		t.Fatal(err)
	}
	if second, err := lock.Try(path); second != nil || err != nil {
		t.Errorf("got %v, %v of a lock that is held, want nothing", second, err)
	}
	if note := lock.Noted(path); note != "mine" {
		t.Errorf("got the note %q beside the holder, want mine", note)
	}
	first.Release()
	third, err := lock.Try(path)
	if err != nil || third == nil {
		t.Fatalf("got %v, %v of a lock that was released", third, err)
	}
	defer third.Release()
	if note := third.Noted(); note != "mine" {
		t.Errorf("got the note %q of the holder before, want mine", note)
	}
	if l, err := lock.Try(filepath.Join(path, "none")); l != nil || err == nil {
		t.Errorf("got %v, %v in a folder that is not there", l, err)
	}
}

func TestFile_none(t *testing.T) {
	t.Parallel()
	var none *lock.File
	none.Release()
	none.Remove()
	if err := none.Note("nobody's"); err != nil {
		t.Error(err)
	}
}

func TestFile_Remove(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	first, err := lock.Try(path)
	if err != nil || first == nil {
		t.Fatalf("got %v, %v", first, err)
	}
	first.Remove()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v of a lock's file that was removed, want that there is none", err)
	}
	second, err := lock.Try(path)
	if err != nil || second == nil {
		t.Fatalf("got %v, %v of a lock that was removed", second, err)
	}
	second.Remove()
}

// TestFile_Remove_oneHolder has many take the lock that each of them removes again.
func TestFile_Remove_oneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.lock")
	var holders, held atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				l, err := lock.Try(path)
				if runtime.GOOS != "windows" && err != nil {
					t.Error(err) // Windows says no while a file is being removed
				}
				if l == nil {
					continue
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the lock at once", n)
				}
				held.Add(1)
				holders.Add(-1)
				l.Remove()
			}
		})
	}
	wg.Wait()
	if held.Load() == 0 {
		t.Error("nobody has ever got the lock")
	}
}
