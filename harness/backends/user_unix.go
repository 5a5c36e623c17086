//go:build unix

package backends

import (
	"errors"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// user is another user than this one, for servers that must not run as root.
type user struct {
	uid, gid int
	name     string
}

// serverUser is whom a server runs as: nil, which is this user, unless that is root. Postgres
// refuses root, and a check can make Redis write files.
func serverUser() (*user, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		found, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(found.Uid)
		gid, err2 := strconv.Atoi(found.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return &user{uid, gid, name}, nil
		}
	}
	return nil, &Error{
		Provider: Local, Kind: NotAllowed,
		Text:   "labs runs as root, and there is no user postgres or nobody to run servers as",
		Remedy: "run labs as an ordinary user, or add a user named postgres",
	}
}

// reaches tells whether the user can pass through every folder on the way to dir, dir included.
func (u *user) reaches(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		mode := info.Mode().Perm()
		switch {
		case !ok:
			return false
		case int(stat.Uid) == u.uid:
			mode >>= 6
		case int(stat.Gid) == u.gid:
			mode >>= 3
		}
		if mode&1 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
