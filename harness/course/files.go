package course

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// compiled are the endings of what the go command makes a package of, besides .go; see "go help
// packages".
var compiled = []string{
	".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".m",
	".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso",
}

// Ignored reports whether the go command does not look at a file or folder of this name.
func Ignored(name string) bool {
	return name != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
}

// Stray reports whether the go command would take a file for code of the lab, although it is
// neither one of Files, nor Given, nor a test. Such a file is not handed in, so it is not judged
// either. name is its path below the lab's folder, with forward slashes.
func (l *Lab) Stray(name string) bool {
	code := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") ||
		path.Base(name) == "go.mod" || slices.Contains(compiled, path.Ext(name))
	return code && !slices.Contains(l.Files, name) && !slices.Contains(l.Given, name)
}

// Strays lists the lab's stray files in all of its folder, in the order of their names.
func (l *Lab) Strays() (names []string, err error) {
	err = filepath.WalkDir(l.Dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(l.Dir, at)
		if err != nil {
			return err
		}
		switch name := filepath.ToSlash(rel); {
		case d.IsDir() && Ignored(path.Base(name)):
			return filepath.SkipDir
		case !d.IsDir() && !Ignored(path.Base(name)) && l.Stray(name):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", l.Slug, err)
	}
	return names, nil
}

// NotHandedIn is the remark on the stray files that lie beside the lab's in a folder, or "".
func (l *Lab) NotHandedIn(dir string) string {
	var strays []string
	looked := map[string]bool{}
	for _, file := range l.Files {
		below := path.Dir(file)
		if looked[below] {
			continue
		}
		looked[below] = true
		// What cannot be read has nothing to remark on.
		entries, _ := os.ReadDir(filepath.Join(dir, filepath.FromSlash(below)))
		for _, e := range entries {
			if name := path.Join(below, e.Name()); !e.IsDir() && !Ignored(e.Name()) &&
				l.Stray(name) {
				strays = append(strays, name)
			}
		}
	}
	return l.NotTaken(strays)
}

// NotTaken is the remark on files of these names that were not taken, or "" if there are none.
func (l *Lab) NotTaken(strays []string) string {
	const most = 5
	if over := len(strays) - most; over > 0 {
		strays = append(slices.Clone(strays[:most]), fmt.Sprintf("%d more", over))
	}
	switch len(strays) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s is not handed in: lab.yaml names %s alone", strays[0], and(l.Files))
	}
	return fmt.Sprintf("%s are not handed in: lab.yaml names %s alone", and(strays), and(l.Files))
}

// HasSolution reports whether the course has the lab's reference and model answer: it may have been
// given without them.
func (l *Lab) HasSolution() bool {
	for _, file := range append([]string{"ANSWER.md"}, l.Files...) {
		if !isFile(filepath.Join(l.SolutionDir, filepath.FromSlash(file))) {
			return false
		}
	}
	return true
}

// SolutionsFrom takes the solutions of labs that have none here from another course, where that has them.
func (c *Course) SolutionsFrom(root string) {
	for _, l := range c.Labs {
		if !isDir(l.SolutionDir) {
			l.SolutionDir = filepath.Join(root, "solutions", l.Slug)
		}
	}
}

// and joins words: "a", "a and b", "a, b and c".
func and(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
