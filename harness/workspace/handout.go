package workspace

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// Manifest is the file at a workspace's root that says what it was given. A tree of labs without one is a course.
const Manifest = ".course.json"

// Handout is what a workspace is given from a course, and what its manifest says of it.
type Handout struct {
	Schema  int    `json:"schema"`
	Version string `json:"version"` // of the course, as labs --version tells it
	// Course is the folder of the course, or "" for the one that labs has in it.
	Course string `json:"course,omitempty"`
	// Labs are the ids of the labs that were chosen; none are all of them.
	Labs []string `json:"labs,omitempty"`
	// Files are what was written, by path below the root, with the SHA-256 of the content.
	Files map[string]string `json:"files"`

	contents map[string][]byte
	// stubs are the files that the learner edits, which are merged and never replaced, each with where its stub lies.
	stubs map[string]string
}

const handoutSchema = 1

// templates are the files beside the course's own, which become the learner's: README.md, what editors read, what git
// leaves alone. They have no dot before their names here, or they would not be embedded.
//
//go:embed templates
var templates embed.FS

var templateNames = map[string]string{
	"README.md": "README.md", "editorconfig": ".editorconfig", "gitignore": ".gitignore",
	"gitattributes": ".gitattributes", "vscode/extensions.json": ".vscode/extensions.json",
	"vscode/tasks.json": ".vscode/tasks.json", "vscode/launch.json": ".vscode/launch.json",
}

// handout reads what a workspace is given: of the labs with these ids, or of all.
func handout(c *course.Course, version string, ids []string) (*Handout, error) {
	h := &Handout{Schema: handoutSchema, Version: version, Labs: ids, Files: map[string]string{},
		contents: map[string][]byte{}, stubs: map[string]string{}}
	for from, to := range templateNames {
		data, err := templates.ReadFile(path.Join("templates", from))
		if err != nil {
			return nil, err
		}
		h.add(to, data)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := h.read(c.Root, name); err != nil {
			return nil, err
		}
	}
	paths := path.Join("labs", course.PathsFile)
	if err := h.read(c.Root, paths); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := h.tree(c.Root, "harness/kit", func(name string) bool {
		return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") &&
			path.Dir(name) != "harness/kit" && !strings.Contains(name, "/testdata/")
	}); err != nil {
		return nil, err
	}
	for _, l := range c.Labs {
		if len(ids) > 0 && !slices.Contains(ids, l.ID) {
			continue
		}
		folder := "labs/" + l.Slug
		stub, err := l.Stub()
		if err != nil {
			return nil, err
		}
		if err := h.tree(c.Root, folder, func(name string) bool {
			return !strings.HasPrefix(name, folder+"/testdata/rapid/")
		}); err != nil {
			return nil, err
		}
		for _, file := range l.Files {
			data, err := os.ReadFile(filepath.Join(stub, filepath.FromSlash(file)))
			if err != nil {
				return nil, err
			}
			name := path.Join(folder, file)
			h.add(name, data)
			h.stubs[name] = path.Join(folder, path.Base(l.StubDir()), file)
		}
	}
	return h, nil
}

func (h *Handout) add(name string, data []byte) {
	h.contents[name] = data
	h.Files[name] = hash(data)
}

func (h *Handout) read(root, name string) error {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return fmt.Errorf("read the course: %w", err)
	}
	h.add(name, data)
	return nil
}

// tree reads the files of a folder of the course that are wanted.
func (h *Handout) tree(root, folder string, wanted func(name string) bool) error {
	return filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)),
		func(at string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(root, at)
			if err != nil {
				return err
			}
			if name := filepath.ToSlash(rel); wanted(name) {
				return h.read(root, name)
			}
			return nil
		})
}

// names are the files in an order: all others before the manifest.
func (h *Handout) names() []string {
	var names []string
	for name := range h.contents {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (h *Handout) manifest() ([]byte, error) {
	data, err := json.MarshalIndent(h, "", " ")
	return append(data, '\n'), err
}

// Given returns what the workspace at root was given; the error is [fs.ErrNotExist] where the tree there is none.
func Given(root string) (*Handout, error) {
	file := filepath.Join(root, Manifest)
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	h := new(Handout)
	if err := json.Unmarshal(data, h); err != nil {
		return nil, fault.New("git checkout "+Manifest+" in "+root+", or labs init a new folder and move your files there",
			"%s is not readable: %v", file, err)
	}
	if h.Schema > handoutSchema {
		return nil, fault.New("install the newest labs", "%s was written by a newer version of labs (%s)", root, h.Version)
	}
	return h, nil
}

// Edited reports whether one of the course's own files in the workspace, which are neither those of labs to edit nor those
// beside the course, is not as it was given.
func (h *Handout) Edited(c *course.Course) bool {
	learners := map[string]bool{}
	for _, name := range templateNames {
		learners[name] = true
	}
	for _, l := range c.Labs {
		for _, file := range l.Files {
			learners[path.Join("labs", l.Slug, file)] = true
		}
	}
	for name, sum := range h.Files {
		if learners[name] {
			continue
		}
		data, err := os.ReadFile(filepath.Join(c.Root, filepath.FromSlash(name)))
		if err != nil || hash(data) != sum {
			return true
		}
	}
	return false
}

// IsOne reports whether the tree at root is a workspace, and no course.
func IsOne(root string) bool {
	_, err := os.Lstat(filepath.Join(root, Manifest))
	return !errors.Is(err, fs.ErrNotExist)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
