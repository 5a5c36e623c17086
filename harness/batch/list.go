package batch

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/intake"
)

// Unlisted says that there is nothing to judge.
type Unlisted struct{ Text, Remedy string }

func (e *Unlisted) Error() string { return e.Text }

// Hint says what to do.
func (e *Unlisted) Hint() string { return e.Remedy }

// List lists what is to be judged, by name: the paths, or if there is only one and it is a folder,
// what lies in it. A folder that is itself a submission is one. strays are the names of what lies
// in the folder and is no submission, each with the reason. With demanded, an empty folder is a
// submission: somebody has handed in nothing. The error is an [*Unlisted].
func List(paths []string, demanded bool) (subs []Submission, strays []string, err error) {
	if len(paths) == 0 {
		return nil, nil, &Unlisted{"--submissions is given without a submission",
			"name a folder of submissions, or several of them"}
	}
	if len(paths) == 1 {
		if paths, strays, err = inside(paths[0], demanded); err != nil {
			return nil, nil, err
		}
	}
	for _, path := range paths {
		if path == "-" {
			return nil, nil, &Unlisted{"standard input cannot be one of many submissions",
				"leave --submissions away"}
		}
		subs = append(subs, Submission{Name: filepath.Base(filepath.Clean(path)), Path: path})
	}
	slices.SortStableFunc(subs, func(a, b Submission) int {
		return strings.Compare(a.Name,
			b.Name)
	})
	tellApart(subs)
	return subs, strays, nil
}

// inside lists the submissions in a folder.
func inside(dir string, demanded bool) (paths, strays []string, err error) {
	st, err := os.Stat(dir)
	if err != nil {
		return nil, nil, &Unlisted{fmt.Sprintf("read the submissions: %v", err),
			"name a folder of submissions, or several of them"}
	}
	if _, err := os.Stat(filepath.Join(dir, "labs")); !st.IsDir() || err == nil {
		return []string{dir}, nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, &Unlisted{fmt.Sprintf("read the submissions: %v", err),
			"it must be a folder that you may read"}
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch why := stray(path, e.Name(), demanded); {
		case strings.HasPrefix(e.Name(), "."), e.Name() == "__MACOSX":
		case why != "":
			strays = append(strays, e.Name()+" "+why)
		default:
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, nil, &Unlisted{"there are no submissions in " + dir,
			"each is a folder or an archive in it"}
	}
	return paths, strays, nil
}

// stray says why an entry of a folder of submissions is none, or "".
func stray(path, name string, demanded bool) string {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "cannot be read"
	case !st.IsDir() && !intake.IsArchive(name) && !packed(path):
		return "is neither a folder nor an archive"
	case st.IsDir() && !demanded && empty(path):
		return "is empty"
	}
	return ""
}

// otherArchives are endings of archives that are not read. Somebody has handed in one all the same, and
// is to be told.
var otherArchives = []string{".rar", ".7z", ".bz2", ".xz", ".zst", ".gz", ".lz"}

// packed reports whether a file is an archive by another ending, or has none and begins as one does.
func packed(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	if slices.Contains(otherArchives, ext) {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [4]byte
	n, _ := io.ReadFull(f, head[:])
	return bytes.HasPrefix(head[:n], []byte("PK\x03\x04")) || bytes.HasPrefix(head[:n], []byte{0x1f, 0x8b})
}

// empty reports whether a folder has nothing in it that anybody has put there.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(e.Name(), "__MACOSX")
	})
}

// tellApart gives submissions of one name, which lie in several folders, a number.
func tellApart(subs []Submission) {
	seen := map[string]int{}
	for i := range subs {
		name := subs[i].Name
		if seen[name]++; seen[name] > 1 {
			subs[i].Name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
	}
}
