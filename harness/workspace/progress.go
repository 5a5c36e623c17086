// Package workspace keeps what belongs to one learner, progress, hints taken and backups, and tells
// where the learner stands with each lab. All of it lies in the folder .labs at the root of the
// course.
package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Folder is the name of the folder with the learner's state, below the course's root.
const Folder = ".labs"

// Workspace is the learner's state in one course.
type Workspace struct {
	Course *course.Course
	Dir    string // absolute
}

// Open returns the workspace of a course. Nothing is written yet.
func Open(c *course.Course) *Workspace {
	return &Workspace{Course: c, Dir: filepath.Join(c.Root, Folder)}
}

// Progress is what is kept of all labs. It is keyed by the labs' ids, so labs may be renamed and
// reordered.
type Progress struct {
	Schema int               `json:"schema"`
	Last   string            `json:"last,omitempty"` // the id of the lab worked on last
	Labs   map[string]*Entry `json:"labs"`
}

// Entry is what is kept of one lab.
type Entry struct {
	// Result is the last full verdict; Checks is the hash of what judged it. It answers for the lab
	// as long as neither the source nor the checks change.
	Result *run.Result `json:"result,omitempty"`
	Checks string      `json:"checks_sha256,omitempty"`
	Strays string      `json:"not_handed_in,omitempty"` // the remark on files that were not judged

	// What passed last with all that the lab demands: a pass without the run under the race
	// detector is none.

	PassedAt     time.Time `json:"passed_at,omitzero"`
	PassedSource string    `json:"passed_source_sha256,omitempty"`
	PassedChecks string    `json:"passed_checks_sha256,omitempty"`

	Hunt *Hunt `json:"hunt,omitempty"` // what the learner's own tests have caught last

	Hints   int       `json:"hints,omitempty"` // how many have been shown
	GaveUp  bool      `json:"gave_up,omitempty"`
	Touched time.Time `json:"touched,omitzero"`
}

// Hunt is what came of a hunt: see package hunt.
type Hunt struct {
	Caught int       `json:"caught"`
	Of     int       `json:"of"`            // wrong answers
	Source string    `json:"source_sha256"` // of the tests
	At     time.Time `json:"at"`
}

// schema is the version of the progress file.
const schema = 1

// Entry returns the lab's entry, made if there is none.
func (p *Progress) Entry(id string) *Entry {
	if p.Labs[id] == nil {
		p.Labs[id] = new(Entry)
	}
	return p.Labs[id]
}

// Judge notes a verdict on the lab's own files: with the hash of what judged them, and the remark
// on files beside them that were not judged.
func (p *Progress) Judge(r run.Result, checks, strays string, now time.Time) {
	p.Last = r.Lab
	e := p.Entry(r.Lab)
	e.Touched = now
	if r.Verdict == run.InfraError || r.Verdict == run.NotAttempted {
		return // says nothing about the lab, or nothing that is not seen again at once
	}
	e.Result, e.Checks, e.Strays = shortened(r), checks, strays
	if r.Complete() {
		e.PassedAt, e.PassedSource, e.PassedChecks = now, r.SourceSHA256, checks
	}
}

// maxOutput is how much of what a check has printed is kept: a run may print a megabyte for each.
const maxOutput = 8 << 10

// shortened is the result with no more output than is worth keeping.
func shortened(r run.Result) *run.Result {
	r.Checks = slices.Clone(r.Checks)
	for i, c := range r.Checks {
		if over := len(c.Output) - maxOutput; over > 0 {
			r.Checks[i].Output = strings.ToValidUTF8(c.Output[:maxOutput],
				"") + fmt.Sprintf("\n[%d bytes of output not kept]\n", over)
		}
	}
	return &r
}

func (w *Workspace) file() string { return filepath.Join(w.Dir, "progress.json") }

// Progress reads what is kept.
func (w *Workspace) Progress() (*Progress, error) {
	data, err := os.ReadFile(w.file())
	if errors.Is(err, fs.ErrNotExist) {
		return &Progress{Schema: schema, Labs: map[string]*Entry{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	p := &Progress{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf(
			"read progress: %s is not readable: %w\nhint: move it away to start afresh, or "+
				"restore it from a backup", w.file(), err)
	}
	if p.Schema > schema {
		return nil, fmt.Errorf(
			"read progress: %s was written by a newer version of labs (schema %d, this one "+
				"knows %d)", w.file(), p.Schema, schema)
	}
	if p.Labs == nil {
		p.Labs = map[string]*Entry{}
	}
	return p, nil
}

// lockPatience is how long a command waits for another one that is writing progress, which takes
// milliseconds.
const lockPatience = 10 * time.Second

// Update changes what is kept. Commands that run at the same time take turns, and whoever is killed
// in the middle leaves the old content.
func (w *Workspace) Update(ctx context.Context, change func(*Progress)) error {
	if err := os.MkdirAll(w.Dir, 0o755); err != nil {
		return fault.Of("write progress", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(filepath.Join(w.Dir, "progress.lock"))
	if ok, err := lock.TryLockContext(ctx, 5*time.Millisecond); errors.Is(err, fs.ErrPermission) {
		return fault.Of("write progress", err)
	} else if err != nil || !ok {
		return fmt.Errorf("write progress: another labs command holds %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	w.sweep()
	p, err := w.Progress()
	if err != nil {
		return err
	}
	change(p)
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("write progress: %w", err)
	}
	return WriteAtomically(w.file(), data)
}

// sweep removes what a command that was killed while it wrote has left. Whoever holds the lock is
// the only one who writes.
func (w *Workspace) sweep() {
	left, _ := filepath.Glob(w.file() + ".*")
	for _, file := range left {
		os.Remove(file)
	}
}

// WriteAtomically puts data into a file that is, at any moment, the old one or the new one as a
// whole.
func WriteAtomically(path string, data []byte) error { return writeAtomically(path, data, 0o644) }

// WriteSecretly is the same for what its owner alone may read.
func WriteSecretly(path string, data []byte) error { return writeAtomically(path, data, 0o600) }

func writeAtomically(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fault.Of("write "+path, err)
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return fault.Of("write "+path, err)
}
