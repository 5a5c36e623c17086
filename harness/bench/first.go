package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// first compares when the first failing check of a lab is on the screen, with labs check and with a
// bare go test. Both have a terminal. The lab has checks that take half a second and more, each in
// real time, and none of them fails: go test shows a package when all of it is done. labs check is
// as a learner types it: the race run is being built beside it.
func (s *suite) first() error {
	const what = "the first failing check on the screen, "
	l, err := s.course.Named("i05")
	if err != nil {
		return err
	}
	const mutant = "stays-ready"
	if err := l.HasVariant(mutant); err != nil {
		return err
	}
	from, err := l.Variant(mutant, filepath.Join(s.tmp, "mutant"))
	if err != nil {
		return err
	}
	s.say("save to the first failing check")
	var a, b []time.Duration
	for i := range s.rounds + 1 {
		dir, _, err := s.editOf(l, from)
		if err != nil {
			return err
		}
		mine, err := s.seen("✗ ", s.labs, "check", l.Slug, "--dir", dir)
		if errors.Is(err, errNoTerminal) {
			s.add(what+l.Slug, "not to be had here", "≤ 0.8", false)
			return nil
		}
		if err != nil {
			return err
		}
		_, overlay, err := s.editOf(l, from)
		if err != nil {
			return err
		}
		theirs, err := s.seen("--- FAIL", "go", "test", "-vet=off", "-count=1", "-overlay", overlay,
			l.Package())
		if err != nil {
			return err
		}
		if i > 0 { // the first warms the caches
			a, b = append(a, mine), append(b, theirs)
		}
	}
	labs, bare := median(a), median(b)
	ratio := labs.Seconds() / bare.Seconds()
	measured := fmt.Sprintf("%.2f (%d ms, %d ms)", ratio, labs.Milliseconds(), bare.Milliseconds())
	s.add(what+l.Slug+", against a bare go test -vet=off", measured, "≤ 0.8", ratio <= 0.8)
	return nil
}

// errNoTerminal says that this system has no pseudo terminals, or none that bench knows how to
// open.
var errNoTerminal = errors.New("no pseudo terminals here")

// seen is how long it takes until a command that has a terminal has written text to it. It returns
// when the command is over, so that nothing of it is in the way of what is measured next.
func (s *suite) seen(text, name string, args ...string) (time.Duration, error) {
	screen, tty, err := openTerminal()
	if err != nil {
		return 0, err
	}
	defer screen.Close()
	cmd := exec.CommandContext(s.ctx, name, args...)
	cmd.Dir = s.course.Root
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	start := time.Now()
	err = cmd.Start()
	tty.Close() // the command has its own; the screen ends with the last
	if err != nil {
		return 0, err
	}
	took := firstSight(screen, text, start)
	cmd.Wait() // a lab that fails is what is looked for
	if took == 0 {
		return 0, fmt.Errorf("%s %q never wrote %q", name, args, text)
	}
	return took, nil
}

// firstSight reads to the end and gives the time from start on when text had arrived, or 0.
func firstSight(screen io.Reader, text string, start time.Time) (took time.Duration) {
	var all []byte
	part := make([]byte, 4096)
	for {
		n, err := screen.Read(part)
		all = append(all, part[:n]...)
		if took == 0 && bytes.Contains(all, []byte(text)) {
			took = time.Since(start)
		}
		if err != nil {
			return took
		}
	}
}
