package term

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// pager is the command of the environment: LABS_PAGER before PAGER, where an empty one switches it
// off, else less, if there is one, which ends by itself where the text fits (-F), shows colours
// (-R) and leaves what was read on the screen (-X).
func pager(lookup func(string) (string, bool)) string {
	for _, name := range []string{"LABS_PAGER", "PAGER"} {
		if value, set := lookup(name); set {
			return value
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less -FRX"
}

// Page writes text to Out, through the pager if it is longer than the screen.
func (s *Streams) Page(text string) error {
	words := strings.Fields(s.Pager)
	if !s.Interactive || len(words) == 0 || s.Rows == 0 || strings.Count(text, "\n") < s.Rows {
		return s.write(text)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.As(err, &exit), errors.Is(err, syscall.EPIPE):
		return nil // whoever leaves the pager has read enough
	}
	return s.write(text)
}

func (s *Streams) write(text string) error {
	_, err := s.Out.Write([]byte(text))
	return err
}
