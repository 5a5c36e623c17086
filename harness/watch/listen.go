package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// listen hears of writes to folders from the operating system. Where that is not to be had, as when
// all of its watches are taken, it hears nothing.
func listen(dirs []string, match func(string) bool) events {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return events{}
	}
	renew := func() {
		for _, dir := range dirs {
			n.Add(dir) // a folder that is not there now is taken up when it is
		}
	}
	renew()
	heard := make(chan struct{})
	done := make(chan struct{})
	tell := func() bool {
		select {
		case heard <- struct{}{}:
			return true
		case <-done:
			return false
		}
	}
	go func() {
		for {
			select {
			case e, ok := <-n.Events:
				if !ok || concerns(e, dirs, match) && !tell() {
					return
				}
			case _, ok := <-n.Errors: // such as an overflow: something has been missed
				if !ok || !tell() {
					return
				}
			}
		}
	}()
	return events{heard: heard, renew: renew, close: func() { close(done); n.Close() }}
}

// concerns leaves out the copies, locks and swap files of editors.
func concerns(e fsnotify.Event, dirs []string, match func(string) bool) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	return match == nil || match(filepath.Base(e.Name)) || slices.Contains(dirs, e.Name)
}

// stamp is what can be told of files without reading them.
type stamp struct {
	text   string    // equal, if nothing has been written
	newest time.Time // the last write
}

func stampOf(dirs []string, match func(string) bool) stamp {
	var s stamp
	var b strings.Builder
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			fmt.Fprintln(&b, dir, "is not there")
			continue
		}
		for _, e := range entries {
			if match != nil && !match(e.Name()) {
				continue
			}
			info, err := os.Stat(filepath.Join(dir, e.Name())) // through links, as the reading does
			if err != nil {
				continue
			}
			at := info.ModTime()
			fmt.Fprintln(&b, dir, e.Name(), info.Size(), at.UnixNano())
			if at.After(s.newest) {
				s.newest = at
			}
		}
	}
	s.text = b.String()
	return s
}
