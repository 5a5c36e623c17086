package lock

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// beyond is where the byte is that is locked: what is locked cannot be read by others, and they are to read the note.
const beyond = 1 << 30

// Try gives nil if somebody else holds the lock.
func Try(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
		&windows.Overlapped{Offset: beyond})
	if err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, nil
		}
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return &File{f}, nil
}

// remove closes the file first, since one that is open cannot be removed: not by this one, nor when somebody else has
// opened it meanwhile.
func (l *File) remove() {
	name := l.file.Name()
	l.file.Close()
	_ = os.Remove(name)
}
