package course

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// StubDir is the folder in which the course has recorded the lab's files as the learner gets them.
// What the stub is depends on nothing else: not on what somebody's repository has committed, and
// not on what was there first.
func (l *Lab) StubDir() string { return filepath.Join(l.Dir, ".stub") }

// NoStub says that a course has not recorded a lab's stub.
type NoStub struct {
	Lab  string // the slug
	File string // the first of the lab's files that is not recorded
}

func (e *NoStub) Error() string {
	const text = "what the stub of %[1]s was is not known: labs/%[1]s/.stub/%[2]s is not there"
	return fmt.Sprintf(text, e.Lab, e.File)
}

// Hint says what to do.
func (e *NoStub) Hint() string {
	return "take the folder .stub from the course again; its author records one with labs stub " +
		e.Lab + " --record"
}

// Stub returns the folder with the recorded stub, or a [*NoStub].
func (l *Lab) Stub() (dir string, err error) {
	for _, file := range l.Files {
		if !isFile(filepath.Join(l.StubDir(), filepath.FromSlash(file))) {
			return "", &NoStub{l.Slug, file}
		}
	}
	return l.StubDir(), nil
}

// Touched compares the lab's files in a folder with the recorded stub, whatever ends their lines.
// It returns those that are not the stub's, in the order of Files; one that is not there is among
// them. The error is a [*NoStub], or that of a file that cannot be read.
func (l *Lab) Touched(dir string) (files []string, err error) {
	stub, err := l.Stub()
	if err != nil {
		return nil, err
	}
	for _, file := range l.Files {
		before, err := os.ReadFile(filepath.Join(stub, filepath.FromSlash(file)))
		if err != nil {
			return nil, fmt.Errorf("read the stub: %w", err)
		}
		now, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		switch {
		case os.IsNotExist(err):
			files = append(files, file)
		case err != nil:
			return nil, fmt.Errorf("compare with the stub: %w", err)
		case !bytes.Equal(unix(now), unix(before)):
			files = append(files, file)
		}
	}
	return files, nil
}

// RecordStub records the lab's files as its stub.
func (l *Lab) RecordStub() error {
	for _, file := range l.Files {
		data, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(file)))
		if err != nil {
			return fmt.Errorf("record the stub: %w", err)
		}
		to := filepath.Join(l.StubDir(), filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("record the stub: %w", err)
		}
		if err := os.WriteFile(to, unix(data), 0o644); err != nil {
			return fmt.Errorf("record the stub: %w", err)
		}
	}
	return nil
}

// NotTheStub is what to say of files that were expected to be the stub's; "" if they are.
func (l *Lab) NotTheStub() string {
	touched, err := l.Touched(l.Dir)
	if err != nil {
		return err.Error()
	}
	paths := make([]string, len(touched))
	for i, file := range touched {
		paths[i] = "labs/" + l.Slug + "/" + file
	}
	switch len(touched) {
	case 0:
		return ""
	case 1:
		return paths[0] + " is no stub: it differs from .stub/" + touched[0]
	}
	return strings.Join(paths, ", ") + " are no stubs: they differ from those in .stub"
}
