package backends

import (
	"io"
	"os"
)

// fileLock is held by at most one process; it ends with it. The file can hold a note from one
// holder to the next.
type fileLock struct{ file *os.File }

// noted reads the note.
func (l *fileLock) noted() string {
	data, err := io.ReadAll(io.NewSectionReader(l.file, 0, 1024))
	if err != nil {
		return ""
	}
	return string(data)
}

// note replaces the note.
func (l *fileLock) note(text string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(text), 0)
	return err
}

func (l *fileLock) release() { l.file.Close() }
