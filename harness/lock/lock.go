// Package lock has locks that the system takes from a process when it ends, in whatever way.
package lock

import (
	"io"
	"os"
)

// File is a lock that at most one process holds; it ends with it. The file can hold a note from one
// holder to the next, and to those who do not get it. A nil one holds nothing.
type File struct{ file *os.File }

const maxNote = 1024

// Noted reads the note.
func (l *File) Noted() string { return noted(l.file) }

func noted(f *os.File) string {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxNote))
	if err != nil {
		return ""
	}
	return string(data)
}

// Noted reads the note of a lock that somebody else holds, or "".
func Noted(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	return noted(f)
}

// Note replaces the note.
func (l *File) Note(text string) error {
	if l == nil {
		return nil
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(text), 0)
	return err
}

// Release gives the lock up. The file stays, for the next, with its note.
func (l *File) Release() {
	if l != nil {
		l.file.Close()
	}
}

// Remove gives the lock up and leaves no file behind. Whoever opens it meanwhile does not get the lock of a file that
// is no more.
func (l *File) Remove() {
	if l != nil {
		l.remove()
	}
}
