package term

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPage_when is about which texts go through the pager: this one swallows them.
func TestPage_when(t *testing.T) {
	t.Parallel()
	swallow, err := exec.LookPath("true")
	if err != nil {
		t.Skip("there is no true(1)")
	}
	failing, err := exec.LookPath("false")
	if err != nil {
		t.Skip("there is no false(1)")
	}
	for name, tt := range map[string]struct {
		s     Streams
		lines int
		paged bool
	}{
		"longer than the screen": {Streams{Pager: swallow, Rows: 24, Interactive: true}, 50,
			true},
		"as long as the screen": {Streams{Pager: swallow, Rows: 24, Interactive: true}, 24,
			true},
		"a line shorter": {Streams{Pager: swallow, Rows: 24, Interactive: true}, 23,
			false},
		"nothing": {Streams{Pager: swallow, Rows: 24, Interactive: true}, 0,
			false},
		"a pager with arguments": {Streams{Pager: swallow + " -F -X", Rows: 24,
			Interactive: true}, 50, true},
		"a pager that was left": {Streams{Pager: failing, Rows: 24, Interactive: true}, 50,
			true},
		"a pager that is only a space": {Streams{Pager: " ", Rows: 24, Interactive: true}, 50,
			false},
		"nobody looks":              {Streams{Pager: swallow, Rows: 24}, 50, false},
		"a screen of no known size": {Streams{Pager: swallow, Interactive: true}, 50, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tt.s.Out = &out
			text := strings.Repeat("a line\n", tt.lines)
			if err := tt.s.Page(text); err != nil {
				t.Fatal(err)
			}
			want := text
			if tt.paged {
				want = ""
			}
			if out.String() != want {
				t.Errorf("got %d bytes past the pager, want %d", out.Len(), len(want))
			}
		})
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no room")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestFull is about output that cannot be written: whoever writes it is told.
func TestFull(t *testing.T) {
	t.Parallel()
	s := Streams{Out: full{}}
	if err := s.Page("text"); !errors.Is(err, errFull) {
		t.Errorf("got %v, want that there is no room", err)
	}
	if n, err := Defuse(full{}).Write([]byte("::error::x")); n != 0 || !errors.Is(err, errFull) {
		t.Errorf("got %d, %v, want nothing written, and that there is no room", n, err)
	}
}

// TestDefuse_piecesOfAny cuts what must not come through at every byte, and writes it in pieces.
func TestDefuse_piecesOfAny(t *testing.T) {
	t.Parallel()
	const text = "a\n##[group]b\n###[error]c [##] ##[warning]##[x\n"
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			var b bytes.Buffer
			w := Defuse(&b)
			for _, piece := range []string{text[:i], text[i:j], text[j:]} {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatalf("%q: got %d, %v", piece, n, err)
				}
			}
			got := b.String()
			if strings.Contains(got, "##[") || strings.Count(got, "\u200b") != 4 ||
				strings.ReplaceAll(got, "\u200b", "") != text {
				t.Errorf("in pieces at %d and %d: got %q", i, j, got)
			}
		}
	}
}

// TestSystem_onGitHub is about a runner that reads what is written: both streams are defused there,
// and nowhere else.
func TestSystem_onGitHub(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "": false, "false": false} {
		t.Setenv("GITHUB_ACTIONS", value)
		s := System()
		if got := Raw(s.Out) != s.Out; got != want {
			t.Errorf("%q: got results defused %v, want %v", value, got, want)
		}
		if got := Raw(s.Err) != s.Err; got != want {
			t.Errorf("%q: got progress defused %v, want %v", value, got, want)
		}
		if s.In != os.Stdin {
			t.Errorf("%q: got %v for input, want the process's", value, s.In)
		}
	}
}
