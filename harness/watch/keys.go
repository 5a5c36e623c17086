package watch

import (
	"io"
	"unicode/utf8"
)

// Keys that are no characters.
const (
	Up rune = -1 - iota
	Down
	PageUp
	PageDown
	Home
	End
	Escape
)

// The keys of pages.
const (
	KeyHint     = 'h'
	KeySolution = 's'
	KeyList     = 'l'
	KeyBrief    = 'b'
	KeyFull     = 'v' // the result in full
	KeyHelp     = '?'
)

// The other keys.
const (
	keyAgain    = 'r'
	keyNext     = 'n'
	keyPrevious = 'p'
	keyQuit     = 'q'
	ctrlC       = 0x03
	ctrlD       = 0x04
	ctrlL       = 0x0c
	ctrlZ       = 0x1a
)

var sequences = map[string]rune{
	"\x1b[A": Up, "\x1bOA": Up, "\x1b[B": Down, "\x1bOB": Down,
	"\x1b[5~": PageUp, "\x1b[6~": PageDown,
	"\x1b[H": Home, "\x1bOH": Home, "\x1b[1~": Home, "\x1b[F": End, "\x1bOF": End, "\x1b[4~": End,
}

// ReadKeys gives the keys that a terminal in raw mode sends. The channel is closed when there are
// no more.
func ReadKeys(r io.Reader) <-chan rune {
	keys := make(chan rune)
	go func() {
		defer close(keys)
		var buf [256]byte
		for {
			n, err := r.Read(buf[:])
			for _, k := range parseKeys(buf[:n]) {
				keys <- k
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// parseKeys reads what came at once: a terminal sends the sequence of a key in one piece. An
// unknown sequence is no key.
func parseKeys(in []byte) []rune {
	var keys []rune
	for len(in) > 0 {
		if in[0] != 0x1b {
			r, n := utf8.DecodeRune(in)
			keys, in = append(keys, r), in[n:]
			continue
		}
		n := sequenceLength(in)
		switch k, ok := sequences[string(in[:n])]; {
		case ok:
			keys = append(keys, k)
		case n == 1:
			keys = append(keys, Escape)
		}
		in = in[n:]
	}
	return keys
}

// sequenceLength is the number of bytes of the escape sequence that in begins with: ESC [
// parameters final, ESC O final, ESC with a character, or ESC alone.
func sequenceLength(in []byte) int {
	if len(in) < 2 {
		return len(in)
	}
	if in[1] != '[' {
		if in[1] == 'O' && len(in) > 2 {
			return 3
		}
		return 2
	}
	for i := 2; i < len(in); i++ {
		if in[i] >= 0x40 && in[i] <= 0x7e {
			return i + 1
		}
	}
	return len(in)
}
