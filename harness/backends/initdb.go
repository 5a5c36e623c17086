package backends

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// dataFolder makes dir/data, owned by as, and returns the administrator's password. An initialised
// folder is kept in the cache, for each version of Postgres: copying it is ten times quicker than
// making it.
func (st *site) dataFolder(ctx context.Context, bin, dir string, as *user) (password string,
	err error) {
	data := filepath.Join(dir, "data")
	template := st.templateDir(bin)
	if known, err := os.ReadFile(filepath.Join(template, "password")); template != "" &&
		err == nil {
		err := copyTree(ctx, filepath.Join(template, "data"), data, as)
		if err == nil || diskFull(err) || ctx.Err() != nil {
			return string(known), noRoom(dir, err)
		}
		os.RemoveAll(data) // somebody is clearing the cache: make a new one
	}
	password = secret()
	if err := initdb(ctx, bin, dir, data, password, as); err != nil {
		return "", err
	}
	if template != "" {
		keepTemplate(ctx, template, data, password)
	}
	return password, nil
}

// templateDir is where the initialised folder for these binaries is kept, or "".
func (st *site) templateDir(bin string) string {
	version, err := programVersion(filepath.Join(bin, "postgres"))
	if err != nil {
		return ""
	}
	cache, err := st.cacheDir(nil)
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "initdb", shortHash("1 "+bin+" "+version))
}

// keepTemplate puts the folder into the cache, complete or not at all. That this may fail costs
// time, nothing else.
func keepTemplate(ctx context.Context, template, data, password string) {
	if os.MkdirAll(filepath.Dir(template), 0o700) != nil {
		return
	}
	building, err := os.MkdirTemp(filepath.Dir(template), "building-")
	if err != nil {
		return
	}
	defer os.RemoveAll(building) // nothing is left of it if it was renamed
	if copyTree(ctx, data, filepath.Join(building, "data"), nil) == nil &&
		os.WriteFile(filepath.Join(building, "password"), []byte(password), 0o600) == nil {
		os.Rename(building, template) // fails if another command was quicker
	}
}

func initdb(ctx context.Context, bin, dir, data, password string, as *user) error {
	pwfile := filepath.Join(dir, "pwfile")
	if err := os.WriteFile(pwfile, []byte(password+"\n"), 0o600); err != nil {
		return noRoom(dir, err)
	}
	defer os.Remove(pwfile)
	if as != nil {
		if err := os.Chown(pwfile, as.uid, as.gid); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", adminUser,
		"--pwfile", pwfile,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1", "-T",
		"english")
	cmd.Dir = dir
	cmd.SysProcAttr = processAttributes(as, sigquit, false)
	if !isWindows {
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	err := start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if saysDiskFull(out.String()) {
		return noRoom(dir, errNoRoom)
	}
	return &Error{
		Backend: Postgres, Provider: Local, Kind: NoStart, Err: err,
		Text: fmt.Sprintf("initdb fails: %s", worstLine(out.String())),
		Remedy: "try it by hand: " + strings.Join([]string{filepath.Join(bin, "initdb"), "-D",
			"/tmp/try"}, " "),
	}
}

var errNoRoom = errors.New("no space left on device")

// noRoom names the place if the disk is full.
func noRoom(dir string, err error) error {
	if !diskFull(err) {
		return err
	}
	return &Error{
		Backend: Postgres, Provider: Local, Kind: DiskFull, Err: err,
		Text:   "the disk is full: no room for a Postgres in " + filepath.Dir(dir),
		Remedy: "make room on that disk (40 MB are needed)",
	}
}

// copyTree copies folders and regular files, which is what a data folder at rest consists of, and
// gives them to as.
func copyTree(ctx context.Context, from, to string, as *user) error {
	var g errgroup.Group
	g.SetLimit(4)
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			if err := os.Mkdir(target, 0o700); err != nil {
				return err
			}
			return give(target, as)
		}
		g.Go(func() error {
			if err := copyFile(path, target); err != nil {
				return err
			}
			return give(target, as)
		})
		return nil
	})
	return errors.Join(err, g.Wait())
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from) // the largest is 1 MB
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

func give(path string, as *user) error {
	if as == nil {
		return nil
	}
	return os.Chown(path, as.uid, as.gid)
}
