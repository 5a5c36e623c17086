package term

import (
	"bytes"
	"io"
	"regexp"
)

// What a runner of GitHub Actions takes as a command: "::" at the start of a line, after white
// space too, and "##[" wherever it stands. Source: actions/runner, ActionCommand.cs.
var (
	commandV1 = []byte("##[")
	commandV2 = regexp.MustCompile(`(?m)(^|\r)([\pZ\s\v\x{85}]*)::`)
)

// Defuse gives a writer that takes the meaning from whatever a runner of GitHub Actions would take
// as a command, by a character that nobody sees. What is our own command is written to what [Raw]
// gives.
func Defuse(w io.Writer) io.Writer { return &defuser{w: w} }

// Raw gives the writer below one of [Defuse]'s, and any other as it is.
func Raw(w io.Writer) io.Writer {
	if d, ok := w.(*defuser); ok {
		return d.w
	}
	return w
}

type defuser struct {
	w    io.Writer
	tail []byte // the last two bytes that were written
}

// Write treats its own start as that of a line, and sees a "##[" that is in two pieces.
func (d *defuser) Write(p []byte) (int, error) {
	joined := append(append([]byte{}, d.tail...), p...)
	at := len(d.tail)
	out := make([]byte, 0, len(p)+8)
	for i := at; i < len(joined); i++ {
		if joined[i] == '[' && i >= 2 && bytes.Equal(joined[i-2:i+1], commandV1) {
			out = append(out, "\u200b"...)
		}
		out = append(out, joined[i])
	}
	out = commandV2.ReplaceAll(out, []byte("$1$2\u200b::"))
	d.tail = append(d.tail[:0], joined[max(0, len(joined)-2):]...)
	if _, err := d.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
