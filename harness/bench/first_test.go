package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
)

// slowly gives its parts a second apart.
type slowly []string

func (s *slowly) Read(p []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second) // of virtual time
	n := copy(p, (*s)[0])
	*s = (*s)[1:]
	return n, nil
}

func TestFirstSight(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		parts slowly
		want  time.Duration
	}{
		"at once":             {slowly{"✗ one", "✗ two"}, time.Second},
		"later":               {slowly{"✓ one", "✗ two", "✗ three"}, 2 * time.Second},
		"in two parts":        {slowly{"✓ one ✗", " two", "end"}, 2 * time.Second},
		"never":               {slowly{"✓ one", "✓ two"}, 0},
		"nothing was written": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := firstSight(&tt.parts, "✗ ", time.Now()); got != tt.want {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestSeen runs a command that looks whether it has a terminal.
func TestSeen(t *testing.T) {
	t.Parallel()
	s := &suite{ctx: context.Background(), course: &course.Course{Root: t.TempDir()}}
	took, err := s.seen("a terminal", "sh", "-c",
		"test -t 0 && test -t 1 && test -t 2 && echo a terminal")
	if errors.Is(err, errNoTerminal) {
		t.Skip(err)
	}
	if err != nil || took <= 0 {
		t.Errorf("got %v, %v", took, err)
	}
	if _, err := s.seen("more", "sh", "-c", "echo less; exit 1"); err == nil ||
		!strings.Contains(err.Error(), `never wrote "more"`) {
		t.Errorf("got %v", err)
	}
}
