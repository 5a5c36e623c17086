package intake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"

	"github.com/backend-labs/backend-labs/harness/course"
)

// folder looks for the files by name: of what else lies in the folder nothing but names is looked
// at.
func (p *picker) folder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	defer root.Close()
	for _, l := range p.labs {
		for _, file := range l.Files {
			if err := p.fromRoot(root, l, file, "labs/"+l.Slug+"/"+file); err != nil {
				return err
			}
			if l == p.single && p.got[l.Slug][file] == nil {
				if err := p.fromRoot(root, l, file, file); err != nil {
					return err
				}
			}
		}
	}
	if len(p.seen) == 0 {
		if err := p.lookElsewhere(root); err != nil {
			return err
		}
	}
	p.listBeside(root)
	return nil
}

// fromRoot reads a file if it is there. No part of its path may be a link, also none that is put
// there meanwhile: what is opened must be the file that was looked at.
func (p *picker) fromRoot(root *os.Root, l *course.Lab, file, name string) error {
	at, looked := "", fs.FileInfo(nil)
	for part := range strings.SplitSeq(name, "/") {
		at = path.Join(at, part)
		st, err := root.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return reject(at, "it cannot be looked at: %v", err)
		case at == name && !st.Mode().IsRegular():
			return reject(at, "it is %s, not a regular file", kind(st.Mode()))
		case at != name && st.Mode().IsRegular():
			return nil
		case at != name && !st.IsDir():
			return reject(at, "it is %s, not a folder", kind(st.Mode()))
		}
		looked = st
	}
	flag := os.O_RDONLY
	if runtime.GOOS != "windows" {
		flag |= syscall.O_NONBLOCK // not to wait for ever for whoever writes to a pipe
	}
	f, err := root.OpenFile(name, flag, 0)
	if err != nil {
		return reject(name, "it cannot be opened: %v", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || !os.SameFile(st, looked) {
		return reject(name, "it has changed while it was read")
	}
	return p.take(l, file, name, f)
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "a file"
	case m&fs.ModeSymlink != 0:
		return "a link"
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}
