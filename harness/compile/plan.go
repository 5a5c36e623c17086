package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// plan is how one request is built.
type plan struct {
	req       Request
	sources   map[string]string // the lab's file → the file that takes its place, both absolute
	checks    []string          // the files of its checks, absolute
	judges    []string          // the checks that a family has for it; nil: all
	dropped   []string          // files that are neither the lab's nor its checks
	pkg       string            // the name of the checks' package
	broken    *CourseError      // what is wrong with the lab's own files
	sourceSHA string
	sum       string // of all that the binary is made of
	target    string
	late      bool // the account begins after the learner's initialisers
	out       *Binary
}

// MissingFile says that a submission lacks a file.
type MissingFile struct {
	Lab, File, Dir string
	Own            bool // the folder is the lab's own
}

func (e *MissingFile) Error() string {
	text := fmt.Sprintf("the file %s of lab %s is not in %s", e.File, e.Lab, e.Dir)
	if e.Own {
		text += ": labs reset " + strings.ToLower(e.Lab) + " puts the stub back"
	}
	return text
}

// Unread is the error for a lab's file in a folder that could not be read: a [*MissingFile] if it
// is not there, and else a fault of the machine's.
func Unread(l *course.Lab, file, dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingFile{Lab: l.ID, File: file, Dir: dir, Own: dir == l.Dir}
	}
	return fault.Of("read "+file+" of lab "+l.ID, err)
}

func (b *Builder) plan(r Request, common string) (*plan, error) {
	p := &plan{req: r, late: b.Late, sources: map[string]string{}}
	own, all := sha256.New(), sha256.New()
	fmt.Fprintln(all, common, r.Race, b.Late)
	fmt.Fprintln(all, mendings)
	if r.Race {
		fmt.Fprintln(all, raceMendings)
	}
	for _, file := range r.Lab.Files {
		from := filepath.Join(r.Dir, filepath.FromSlash(file))
		data, err := os.ReadFile(from)
		if err != nil {
			return nil, Unread(r.Lab, file, r.Dir, err)
		}
		addFile(own, file, data)
		addFile(all, file, data)
		if p.sources[filepath.Join(r.Lab.Dir,
			filepath.FromSlash(file))], err = filepath.Abs(from); err != nil {
			return nil, err
		}
	}
	p.sourceSHA = hex.EncodeToString(own.Sum(nil))
	if err := p.readChecks(all); err != nil {
		return nil, err
	}
	if p.broken != nil {
		return nil, p.broken
	}
	p.sum = hex.EncodeToString(all.Sum(nil))
	name := r.Lab.Slug + "@" + p.sum[:20]
	if r.Race {
		name += "-race"
	}
	p.target = filepath.Join(b.Dir, name+exeSuffix)
	return p, nil
}

func addFile(h hash.Hash, name string, data []byte) {
	fmt.Fprintf(h, "%s %d\n", name, len(data))
	h.Write(data)
}

// SourceSHA256 is the hash of a lab's files in a folder, by which progress and results are kept.
func SourceSHA256(l *course.Lab, dir string) (string, error) {
	h := sha256.New()
	for _, file := range l.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return "", Unread(l, file, dir, err)
		}
		addFile(h, file, data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ChecksSHA256 is the hash of what judges a lab: toolchain, modules, kit, its checks, given files
// and lab.yaml. A pass counts for these only.
func (b *Builder) ChecksSHA256(l *course.Lab) (string, error) {
	common, err := b.commonHash()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, common)
	p := &plan{req: Request{Lab: l}}
	if err := p.readChecks(h); err != nil {
		fmt.Fprintln(h, err) // which a build would tell: whoever only lists labs goes on
	}
	for _, c := range l.Checks {
		fmt.Fprintln(h, c)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeOverlay adds the plan's replacements, and writes the generated files.
func (p *plan) writeOverlay(tmp string, overlay map[string]string) error {
	for to, from := range p.sources {
		if to != from {
			overlay[to] = from
		}
	}
	for _, path := range p.dropped {
		overlay[path] = ""
	}
	if p.req.Hunt != "" {
		overlay[p.known(p.req.Hunt)] = p.req.Hunt
	}
	return p.generate(tmp, overlay)
}

// commonHash covers what all binaries depend on besides their own lab: the toolchain, the modules
// and the kit.
func (b *Builder) commonHash() (string, error) {
	b.commonOnce.Do(func() { b.common, b.commonErr = b.hashCommon() })
	return b.common, b.commonErr
}

func (b *Builder) hashCommon() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, GoVersion())
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(b.Course.Root, name))
		if err != nil {
			return "", fault.Of("read the course", err)
		}
		addFile(h, name, data)
	}
	kit := filepath.Join(b.Course.Root, "harness", "kit")
	err := filepath.WalkDir(kit, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || course.Ignored(d.Name()) {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			addFile(h, path, data)
		}
		return err
	})
	if err != nil {
		return "", fault.Of("read the kit", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
