package term

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"
)

// failing writes so many pieces, and fails then.
type failing struct {
	bytes.Buffer
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.Buffer.Write(p)
}

func TestSink(t *testing.T) {
	t.Parallel()
	noRoom := &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	for _, tt := range []struct {
		name string
		err  error // of the second piece
		lost error
		over bool
	}{
		{"all is well", nil, nil, false},
		{"no room", noRoom, noRoom, true},
		{"nobody reads on", &fs.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &failing{left: 1, err: tt.err}
			want := "a\n"
			if tt.err == nil {
				w.left, want = 3, "a\nb\nc\n"
			}
			s := Streams{Out: NewSink(w)}
			for i, piece := range []string{"a\n", "b\n", "c\n"} {
				n, err := io.WriteString(s.Out, piece)
				failed := i > 0 && tt.lost != nil
				if (err != nil) != failed || !failed && n != len(piece) {
					t.Errorf("piece %d: got %d, %v", i, n, err)
				}
				w.left++ // there would be room again: a gap must not come of it
				if tt.err == nil || i == 0 {
					w.left--
				}
			}
			if w.String() != want || !errors.Is(s.Lost(), tt.lost) || (s.Lost() != nil) != (tt.lost != nil) {
				t.Errorf("got %q and %v, want %q and %v", w.String(), s.Lost(), want, tt.lost)
			}
			select {
			case <-s.Over():
				if !tt.over {
					t.Error("it is over, want that it goes on")
				}
			default:
				if tt.over {
					t.Error("it goes on, want that it is over")
				}
			}
		})
	}
}

// TestSink_below is about a sink below a writer that defuses, and streams without one.
func TestSink_below(t *testing.T) {
	t.Parallel()
	s := Streams{Out: Defuse(NewSink(full{}))}
	fmt.Fprintln(s.Out, "text")
	if !errors.Is(s.Lost(), errFull) {
		t.Errorf("got %v, want that there is no room", s.Lost())
	}
	if none, _, _ := Buffers(); none.Lost() != nil || none.Over() != nil {
		t.Error("got an end of what has none")
	}
}
