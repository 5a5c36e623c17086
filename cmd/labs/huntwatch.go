package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/watch"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// again hunts now and after every save, until ctx ends. A save during a hunt ends that hunt.
func (o *huntOptions) again(ctx context.Context, w *workspace.Workspace, l *course.Lab) error {
	path := l.HuntPath()
	if _, err := hunt.Read(l, path); absent(err) {
		return err
	}
	source, _ := watch.New(watch.Files{
		Dirs:  []string{filepath.Dir(path)},
		Match: func(name string) bool { return name == filepath.Base(path) },
		State: func() (string, bool) { return fileSHA256(path), !empty(path) },
	})
	defer source.Close()
	for ctx.Err() == nil {
		one, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- o.once(one, w, l) }()
		select {
		case err := <-done:
			o.wait(ctx, err, source.Changes())
		case <-source.Changes():
			stop()
			<-done
		}
		stop()
		o.clear(ctx)
	}
	return nil
}

// absent reports whether there are no tests to hunt with at all.
func absent(err error) bool {
	unfit, ok := errors.AsType[*hunt.Unfit](err)
	return ok && unfit.Absent
}

// wait tells what has kept the tests from being judged, and waits for a save.
func (o *huntOptions) wait(ctx context.Context, err error, saved <-chan string) {
	if ctx.Err() != nil {
		return
	}
	o.complain(err)
	if o.Interactive {
		fmt.Fprintln(o.Out, o.Paint().Faint("waiting for a save; Ctrl-C ends"))
	}
	select {
	case <-saved:
	case <-ctx.Done():
	}
}

// clear makes room for the next outcome: on a terminal the screen, else a line with the time.
func (o *huntOptions) clear(ctx context.Context) {
	switch {
	case ctx.Err() != nil:
	case o.Interactive:
		fmt.Fprint(o.Out, "\x1b[H\x1b[2J")
	default:
		fmt.Fprintln(o.Err, time.Now().Format(time.RFC3339), "hunting")
	}
}
