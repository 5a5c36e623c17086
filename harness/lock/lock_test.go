package lock_test

import (
	"path/filepath"
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
	if err := none.Note("nobody's"); err != nil {
		t.Error(err)
	}
}
