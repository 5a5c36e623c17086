//go:build unix

package lock

import (
	"os"
	"syscall"
)

// Try gives nil if somebody else holds the lock.
func Try(path string) (*File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if err == syscall.EWOULDBLOCK {
				return nil, nil
			}
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		if isAt(f, path) {
			return &File{f}, nil
		}
		f.Close() // whoever held it has removed it between the two: others lock another file
	}
}

// isAt reports whether a file that is open is the one of that name still.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(open, named)
}

// remove removes the file first: as long as it is locked nobody else holds what lies there.
func (l *File) remove() {
	_ = os.Remove(l.file.Name())
	l.file.Close()
}
