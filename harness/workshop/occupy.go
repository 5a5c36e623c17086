package workshop

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/lock"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// Occupied says that another server serves the room of a file.
type Occupied struct {
	Database string
	At       string // its URL, or "" where it has only just begun
}

func (e *Occupied) Error() string {
	text := "the room in " + e.Database + " is being served already"
	if e.At != "" {
		text += ", at " + e.At
	}
	return text
}

// Hint says what to do.
func (e *Occupied) Hint() string {
	return "stop that one first, or make another room: --database another.db"
}

// occupy keeps other servers from the file of a room until the lock is removed, or this process has ended in any way.
// Of a Postgres there is none: several servers may share it.
func occupy(database string) (*lock.File, error) {
	if room.IsPostgres(database) {
		return nil, nil
	}
	file := strings.TrimPrefix(database, "sqlite:")
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	l, err := lock.Try(file + ".lock")
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock the database: %w", err)
	case l == nil:
		return nil, &Occupied{file, lock.Noted(file + ".lock")}
	}
	return l, l.Note("")
}
