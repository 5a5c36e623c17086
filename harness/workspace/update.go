package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Kind is what an update does with a file.
type Kind string

// The kinds. Kept is a file of the learner's, of which the course has a newer one.
const (
	Added     Kind = "new"
	Replaced  Kind = "replaced"
	Removed   Kind = "removed"
	Merged    Kind = "merged"
	Conflict  Kind = "conflict"
	Beside    Kind = "beside"
	Kept      Kind = "kept"
	GivenBack Kind = "put back" // the course's own, which the learner had edited
)

// Change is one file of an update.
type Change struct {
	Path string // below the workspace's root, with forward slashes
	Kind Kind
	Note string // what to do about it, or ""
}

// Plan is an update that has been thought through and not been done.
type Plan struct {
	From, To string // the versions
	Changes  []Change

	root     string
	contents map[string][]byte // what is to be written
	removed  []string
	backups  map[string][]byte // what is replaced and not the course's, by path
}

// PlanUpdate finds out what a newer course changes in the workspace. Checks, briefs and the kit are the course's; the
// files that the learner edits are merged three ways, with the stub as it was handed out as the base. Nothing is written.
func PlanUpdate(ctx context.Context, root string, c *course.Course, version string) (*Plan, error) {
	was, err := Given(root)
	if err != nil {
		return nil, err
	}
	h, err := handout(c, version, was.Labs)
	if err != nil {
		return nil, err
	}
	h.Course = was.Course
	p := &Plan{From: was.Version, To: version, root: root, contents: map[string][]byte{}, backups: map[string][]byte{}}
	for _, name := range h.names() {
		if err := p.file(ctx, was, h, name); err != nil {
			return nil, err
		}
	}
	for name, sum := range was.Files {
		if _, still := h.contents[name]; still || strings.HasPrefix(name, ".github/") || strings.HasPrefix(name, ".gitlab") {
			continue
		}
		now, err := os.ReadFile(p.at(name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fault.Of("read the workspace", err)
		case hash(unix(now)) == sum:
			p.removed = append(p.removed, name)
			p.Changes = append(p.Changes, Change{name, Removed, ""})
		default:
			p.Changes = append(p.Changes, Change{name, Kept, "the course no longer has it, and it has been edited"})
		}
	}
	slices.Sort(p.removed)
	slices.SortStableFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	manifest, err := h.manifest()
	if err != nil {
		return nil, err
	}
	if now, _ := os.ReadFile(p.at(Manifest)); !bytes.Equal(now, manifest) {
		p.contents[Manifest] = manifest
	}
	return p, nil
}

// Nothing reports whether the workspace is what the update would make of it.
func (p *Plan) Nothing() bool { return len(p.Changes) == 0 && len(p.contents) == 0 }

func (p *Plan) at(name string) string { return filepath.Join(p.root, filepath.FromSlash(name)) }

// file decides about one file of the newer course.
func (p *Plan) file(ctx context.Context, was, h *Handout, name string) error {
	theirs := h.contents[name]
	now, err := os.ReadFile(p.at(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.put(name, theirs, Added, "")
		return nil
	case err != nil:
		return fault.Of("read the workspace", err)
	}
	mine := unix(now)
	switch given, had := was.Files[name]; {
	case bytes.Equal(mine, theirs):
	case h.stubs[name] != "":
		return p.merge(ctx, h, name, now)
	case had && hash(mine) == given:
		p.put(name, theirs, Replaced, "")
	case had && given == hash(theirs) && mineAfterwards(name):
		// The learner's, and the course has nothing new.
	case mineAfterwards(name):
		p.Changes = append(p.Changes, Change{name, Kept, "you have edited it"})
	default:
		p.backups[name] = now
		p.put(name, theirs, GivenBack, "yours is kept as a backup")
	}
	return nil
}

// mineAfterwards reports whether a file is given once and then the learner's.
func mineAfterwards(name string) bool {
	return !strings.HasPrefix(name, "labs/") && !strings.HasPrefix(name, "harness/") &&
		name != "go.mod" && name != "go.sum"
}

func (p *Plan) put(name string, data []byte, k Kind, note string) {
	p.contents[name] = data
	p.Changes = append(p.Changes, Change{name, k, note})
}

// merge brings what the course has changed in a stub into the learner's file.
func (p *Plan) merge(ctx context.Context, h *Handout, name string, now []byte) error {
	mine, theirs := unix(now), h.contents[name]
	base, err := os.ReadFile(p.at(h.stubs[name]))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Of("read the stub that was handed out", err)
	}
	base = unix(base)
	switch {
	case bytes.Equal(base, theirs) && len(base) > 0:
		return nil // the learner's work, and no news
	case bytes.Equal(mine, base):
		p.put(name, theirs, Replaced, "")
		return nil
	}
	merged, conflicts, err := mergeFile(ctx, mine, base, theirs)
	if err != nil {
		p.put(name+".new", theirs, Beside, "the new stub: "+err.Error()+", so bring over yourself what it changes")
		return nil
	}
	p.backups[name] = now
	if conflicts > 0 {
		p.put(name, merged, Conflict, term.Plural(conflicts, "place")+" between <<<<<<< and >>>>>>> to decide")
		return nil
	}
	p.put(name, merged, Merged, "")
	return nil
}

// mergeFile merges three ways, as git does. No line of any side is lost: where both have changed the same lines, both
// stand there with marks.
func mergeFile(ctx context.Context, mine, base, theirs []byte) (merged []byte, conflicts int, err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, 0, errors.New("there is no git to merge with")
	}
	tmp, err := owner.TempDir("", "merge")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(tmp)
	args := []string{"merge-file", "-p", "-L", "yours", "-L", "the stub as you got it", "-L", "the new stub"}
	for i, data := range [][]byte{mine, base, theirs} {
		file := filepath.Join(tmp, strconv.Itoa(i))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, 0, err
		}
		args = append(args, file)
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = tmp
	merged, err = cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() > 0 && e.ExitCode() < 128 {
		return merged, e.ExitCode(), nil // that many conflicts; 127 stands for more
	}
	if err != nil {
		return nil, 0, fmt.Errorf("git merge-file failed: %w", err)
	}
	return merged, 0, nil
}

// unix is data with the line ends of Unix.
func unix(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }

// An update lies below .labs/update until it is done: the new files, and last the steps. From that moment on it is
// finished by whoever opens the workspace next; before, it has not been.
const (
	staging   = "update"
	stepsFile = "steps.json"
)

// interrupted is called before each thing that an update does to the disk: a test dies there.
var interrupted = func() {}

// steps are what is left to do when all new files lie ready.
type steps struct {
	Write  []string `json:"write"`
	Remove []string `json:"remove"`
}

// Do carries the update out and returns the folder with the backups of what was replaced and was not the course's, or "".
// Killed at any moment it leaves a workspace that is the old one or, once it is opened again, the new one.
func (p *Plan) Do(ctx context.Context, now time.Time) (backup string, err error) {
	state := filepath.Join(p.root, Folder)
	if err := os.MkdirAll(state, 0o755); err != nil {
		return "", fault.Of("update the workspace", err)
	}
	unlock, err := lockUpdate(ctx, state)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := finish(p.root); err != nil {
		return "", err
	}
	if len(p.backups) > 0 {
		backup = filepath.Join(state, "backups", "update-"+now.Format("2006-01-02T15-04-05.000"))
		for name, data := range p.backups {
			if err := writeFile(filepath.Join(backup, filepath.FromSlash(name)), data); err != nil {
				return "", fault.Of("nothing was updated, because the backup failed", err)
			}
		}
	}
	area := filepath.Join(state, staging)
	s := steps{Remove: p.removed}
	for name, data := range p.contents {
		interrupted()
		s.Write = append(s.Write, name)
		if err := writeFile(filepath.Join(area, "new", filepath.FromSlash(name)), data); err != nil {
			_ = os.RemoveAll(area)
			return "", fault.Of("nothing was updated", err)
		}
		if ctx.Err() != nil {
			_ = os.RemoveAll(area)
			return "", ctx.Err()
		}
	}
	slices.SortFunc(s.Write, func(a, b string) int { // the manifest as the last
		if (a == Manifest) != (b == Manifest) {
			if a == Manifest {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	interrupted()
	if err := WriteAtomically(filepath.Join(area, stepsFile), data); err != nil {
		_ = os.RemoveAll(area)
		return "", err
	}
	return backup, finish(p.root)
}

// lockUpdate lets one command at a time write the course's files of a workspace.
func lockUpdate(ctx context.Context, state string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(filepath.Join(state, staging+".lock"))
	if ok, err := lock.TryLockContext(ctx, 5*time.Millisecond); errors.Is(err, fs.ErrPermission) {
		return nil, fault.Of("update the workspace", err)
	} else if err != nil || !ok {
		return nil, fmt.Errorf("update the workspace: another labs command holds %s: %w", lock.Path(), err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// Recover finishes an update that was killed once all its files lay ready, and forgets one that was killed before. It
// reports whether there was one to finish.
func Recover(ctx context.Context, root string) (finished bool, err error) {
	state := filepath.Join(root, Folder)
	area := filepath.Join(state, staging)
	if _, err := os.Lstat(area); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	unlock, err := lockUpdate(ctx, state)
	if err != nil {
		return false, err
	}
	defer unlock()
	_, err = os.Lstat(filepath.Join(area, stepsFile))
	finished = err == nil
	return finished, finish(root)
}

// finish does the steps that lie ready. It may be done again from the start whenever it was interrupted.
func finish(root string) error {
	area := filepath.Join(root, Folder, staging)
	data, err := os.ReadFile(filepath.Join(area, stepsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(area)
	}
	var s steps
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return fault.Of("finish the update", err)
	}
	for _, name := range s.Write {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("finish the update: %s does not lie in the workspace", name)
		}
		data, err := os.ReadFile(filepath.Join(area, "new", filepath.FromSlash(name)))
		if err != nil {
			return fault.Of("finish the update", err)
		}
		to := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fault.Of("finish the update", err)
		}
		interrupted()
		ready := filepath.Join(area, "ready") // on the same disk: it takes its place at once
		if err := os.WriteFile(ready, data, 0o644); err != nil {
			return fault.Of("finish the update", err)
		}
		interrupted()
		if err := os.Rename(ready, to); err != nil {
			return fault.Of("finish the update", err)
		}
	}
	for _, name := range s.Remove {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		at := filepath.Join(root, filepath.FromSlash(name))
		interrupted()
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Of("finish the update", err)
		}
		for dir := filepath.Dir(at); dir != root && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
		}
	}
	interrupted()
	if err := os.Remove(filepath.Join(area, stepsFile)); err != nil {
		return fault.Of("finish the update", err)
	}
	interrupted()
	return os.RemoveAll(area)
}
