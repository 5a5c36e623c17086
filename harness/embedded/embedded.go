// Package embedded is the course that this binary has in it: the labs, their solutions, the kit, and a go.mod that asks
// for nothing else than what these need.
package embedded

import (
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/kit"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/labs"
	"github.com/backend-labs/backend-labs/solutions"
)

// The module's files have another name here, since a folder with a go.mod is left out of the module around it. TestModule
// keeps them right.
var (
	//go:embed module/go.mod.txt
	gomod []byte
	//go:embed module/go.sum.txt
	gosum []byte
)

// File is a file of the course.
type File struct {
	Path string // below the course's root, with forward slashes
	Data []byte
}

// Files are the course's files in a fixed order. Tests of the kit are not among them.
func Files() iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, f := range []File{{"go.mod", gomod}, {"go.sum", gosum}} {
			if !yield(f, nil) {
				return
			}
		}
		for _, tree := range []struct {
			below string
			files embed.FS
		}{{"harness/kit", kit.Files}, {"labs", labs.Files}, {"solutions", solutions.Files}} {
			err := fs.WalkDir(tree.files, ".", func(name string, d fs.DirEntry, err error) error {
				full := path.Join(tree.below, name)
				if err != nil || d.IsDir() || leftOut(full) {
					return err
				}
				data, err := tree.files.ReadFile(name)
				if !yield(File{full, data}, err) {
					return fs.SkipAll
				}
				return nil
			})
			if err != nil {
				yield(File{}, err)
				return
			}
		}
	}
}

// leftOut is what lies in the tree and is not the course's: tests of the kit, and what a random check has kept of a
// failure.
func leftOut(name string) bool {
	return strings.HasPrefix(name, "harness/kit/") && strings.HasSuffix(name, "_test.go") ||
		strings.Contains(name, "/testdata/rapid/")
}

// Language is the version of Go that the course asks for, such as 1.26.0.
func Language() string {
	for line := range strings.Lines(string(gomod)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "go "); ok {
			return v
		}
	}
	return ""
}

// Version says which course this is: the module's version, or the commit of the clone that the binary was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	text := "devel"
	if rev := set["vcs.revision"]; rev != "" {
		text += " " + rev[:min(12, len(rev))]
	}
	if set["vcs.modified"] == "true" {
		text += ", modified"
	}
	return text
}

// Folder returns a folder with the whole course, which must not be changed: below the user's cache, written at its first
// use by this binary.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New("set HOME, or XDG_CACHE_HOME, to a folder that you may write to",
			"there is no place for the course that is in labs: %v", err)
	}
	build, err := thisBuild()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(cache, "backend-labs")
	dir := filepath.Join(parent, "course-"+build)
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		now := time.Now()
		_ = os.Chtimes(dir, now, now) // who looks for what is no longer used finds out by this
		return dir, nil
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fault.Of("write the course that is in labs", err)
	}
	forget(parent)
	tmp, err := owner.TempDir(parent, "course")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	whole := filepath.Join(tmp, "course")
	if err := Write(whole, func(string) bool { return true }); err != nil {
		return "", err
	}
	if err := os.Rename(whole, dir); err != nil {
		if st, err2 := os.Stat(dir); err2 == nil && st.IsDir() {
			return dir, nil // another command was sooner
		}
		return "", fault.Of("write the course that is in labs", err)
	}
	return dir, nil
}

// thisBuild names the build of this binary, without reading all of it.
func thisBuild() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	st, err := os.Stat(exe)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x-%x", st.ModTime().UnixNano(), st.Size()), nil
}

// forgotten is after how long a course that no command has used goes.
const forgotten = 30 * 24 * time.Hour

// forget removes the courses of binaries that are no longer used, and what a killed command has left.
func forget(parent string) {
	_, _ = owner.Sweep(parent)
	old, _ := filepath.Glob(filepath.Join(parent, "course-*"))
	for _, dir := range old {
		if st, err := os.Stat(dir); err == nil && time.Since(st.ModTime()) > forgotten {
			_ = os.RemoveAll(dir)
		}
	}
}

// Write writes those of the course's files into a folder that are wanted.
func Write(dir string, wanted func(path string) bool) error {
	made := map[string]bool{}
	for f, err := range Files() {
		if err != nil {
			return fmt.Errorf("read the course that is in labs: %w", err)
		}
		if !wanted(f.Path) {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if folder := filepath.Dir(to); !made[folder] {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return fault.Of("write the course", err)
			}
			made[folder] = true
		}
		if err := os.WriteFile(to, f.Data, 0o644); err != nil {
			return fault.Of("write the course", err)
		}
	}
	return nil
}
