package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/git"
	"github.com/backend-labs/backend-labs/harness/owner"
)

// Init is a workspace to be made.
type Init struct {
	Dir     string         // where: a folder that is not there, or is empty
	Course  *course.Course // where from
	Version string         // of the course
	From    string         // the course's folder, or "" for the one that labs has in it
	Labs    []string       // ids; none are all

	// More are files beside the others, by path below the root, such as a CI workflow.
	More map[string][]byte
}

// NoPlace says why a folder cannot become a workspace. It is the user's to choose another one.
type NoPlace struct{ Text, Remedy string }

func (e *NoPlace) Error() string { return e.Text }

// Hint says what to do.
func (e *NoPlace) Hint() string { return e.Remedy }

// Write makes the workspace, or nothing: whatever fails, the folder is afterwards as it was before. The error is a
// [*NoPlace] where the folder is not fit.
func (i Init) Write(ctx context.Context) error {
	dir, err := filepath.Abs(i.Dir)
	if err != nil {
		return err
	}
	_, _ = owner.Sweep(dir) // of an attempt that was killed
	exists, err := i.fit(dir)
	if err != nil {
		return err
	}
	h, err := handout(i.Course, i.Version, i.Labs)
	if err != nil {
		return err
	}
	h.Course = i.From
	for name, data := range i.More {
		h.add(name, data)
	}
	made := firstMissing(dir)
	parent := dir
	if !exists {
		parent = filepath.Dir(dir)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fault.Of("make "+dir, err)
	}
	tmp, err := owner.TempDir(parent, "init")
	if err != nil {
		return err
	}
	err = i.fill(ctx, h, filepath.Join(tmp, "workspace"))
	if err == nil {
		err = move(filepath.Join(tmp, "workspace"), dir, exists)
	}
	_ = os.RemoveAll(tmp)
	if err != nil && made != "" && !exists {
		removeEmpty(filepath.Dir(dir), made)
	}
	return err
}

// fit looks whether a workspace can be made in dir, and whether dir is there.
func (i Init) fit(dir string) (exists bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		if st, err2 := os.Stat(dir); err2 == nil && !st.IsDir() {
			return true, &NoPlace{dir + " is a file", "name a folder that is not there yet: labs init DIR"}
		}
		return true, fault.Of("look into "+dir, err)
	case len(entries) > 0 && IsOne(dir):
		return true, &NoPlace{dir + " is a workspace already",
			"labs list shows its labs; labs update brings in a newer course"}
	case len(entries) > 0 && !(len(entries) == 1 && entries[0].Name() == ".git"):
		return true, &NoPlace{fmt.Sprintf("%s is not empty: %s is in it", dir, entries[0].Name()),
			"name a folder that is not there yet: labs init DIR"}
	default:
		exists = true
	}
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return exists, &NoPlace{fmt.Sprintf("%s lies in another Go module, %s", dir, at),
				"name a folder outside of it, such as " + filepath.Join(filepath.Dir(at), "backend-labs-workspace")}
		}
		if at == filepath.Dir(at) {
			return exists, nil
		}
	}
}

// fill writes all files, the manifest as the last, and lets the go command read the module once.
func (i Init) fill(ctx context.Context, h *Handout, dir string) error {
	for _, name := range h.names() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), h.contents[name]); err != nil {
			return fault.Of("write the workspace", err)
		}
	}
	data, err := h.manifest()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, Manifest), data, 0o644); err != nil {
		return fault.Of("write the workspace", err)
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-mod=readonly")
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); ended && ctx.Err() == nil {
		said := strings.Join(strings.Fields(string(out)), " ")
		if strings.Contains(said, "toolchain") || strings.Contains(said, "requires go") {
			return nil // an older Go is the first check's to tell, with the remedy
		}
		return &NoPlace{"Go cannot build there: " + said, "name another folder: labs init DIR"}
	}
	return ctx.Err()
}

// move puts what was made into its place: the folder itself, or what lies in it where the place is there already. The
// manifest comes last: without it nobody takes the folder for a workspace.
func move(from, to string, exists bool) error {
	if !exists {
		return fault.Of("make "+to, os.Rename(from, to))
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var done []string
	for _, last := range []bool{false, true} {
		for _, e := range entries {
			if (e.Name() == Manifest) != last {
				continue
			}
			if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
				for _, name := range done {
					_ = os.RemoveAll(filepath.Join(to, name))
				}
				return fault.Of("make "+to, err)
			}
			done = append(done, e.Name())
		}
	}
	return nil
}

// firstMissing is the outermost folder on the way to dir that is not there; "" if all are.
func firstMissing(dir string) string {
	missing := ""
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil || at == filepath.Dir(at) {
			return missing
		}
		missing = at
	}
}

// removeEmpty removes the empty folders from dir up to top.
func removeEmpty(dir, top string) {
	for at := dir; strings.HasPrefix(at, top); at = filepath.Dir(at) {
		if os.Remove(at) != nil {
			return
		}
	}
}

// Repository makes a git repository of the workspace, with a first commit. It says what it did not do, and why, or "".
func Repository(ctx context.Context, dir string) (left string, err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return "no git repository: there is no git on this machine", nil
	}
	if top, err := git.Run(ctx, dir, "rev-parse", "--show-toplevel"); err == nil {
		top = strings.TrimSpace(top)
		real, _ := filepath.EvalSymlinks(dir)
		if top != dir && top != real {
			return "no git repository of its own: it lies in that of " + top, nil
		}
	}
	steps := [][]string{{"init", "-q"}, {"add", "-A"}}
	commit := []string{"commit", "-q", "--no-verify", "-m", "The labs as they were handed out"}
	if name, _ := git.Run(ctx, dir, "config", "user.email"); strings.TrimSpace(name) == "" {
		commit = append([]string{"-c", "user.name=labs", "-c", "user.email=labs@localhost"}, commit...)
	}
	commit = append([]string{"-c", "commit.gpgsign=false"}, commit...)
	for _, args := range append(steps, commit) {
		if _, err := git.Run(ctx, dir, args...); err != nil {
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				said := strings.Join(strings.Fields(string(e.Stderr)), " ")
				return "the git repository is not complete: git " + args[0] + ": " + said, nil
			}
			return "", err
		}
	}
	return "", nil
}
