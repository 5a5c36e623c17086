// Package intake reads submissions that nobody trusts: a folder, a .zip, a .tar, a .tar.gz, or a
// tar on a stream. It takes the files that lab.yaml names and nothing else, follows no link inside
// a submission, writes nowhere, and holds little in memory however large the submission says it is.
package intake

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/backend-labs/backend-labs/harness/course"
)

// What a submission may have.
const (
	MaxFiles     = 100       // that are read
	MaxFile      = 256 << 10 // bytes of one file that is read
	MaxTotal     = 1 << 20   // bytes of all that are read
	MaxEntries   = 20_000    // in an archive, read or not
	MaxUnpacked  = 64 << 20  // bytes of an archive, before and after unpacking, read or not
	MaxZip       = 16 << 20  // bytes of a .zip, whose directory is held in memory
	maxNameBytes = 1024
)

// Rejection says why a submission is not graded.
type Rejection struct {
	Path    string // of the offending entry, or ""
	Reason  string
	Nothing bool // there is simply no file of a lab in it
}

func (e *Rejection) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Reason)
}

func reject(path, format string, args ...any) error {
	return &Rejection{Path: printable(path), Reason: fmt.Sprintf(format, args...)}
}

// Submission is what was found for one lab.
type Submission struct {
	Lab   *course.Lab
	Files map[string][]byte // by their names as in lab.yaml

	// Note is the remark on files beside these that were not taken, or "".
	Note string
}

// WriteTo writes the files below dir.
func (s Submission) WriteTo(dir string) error {
	for name, data := range s.Files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Read reads the submission at path, or a tar from stdin if path is "-". Only labs are looked for;
// the files of single, which is the only one of them or nil, may also lie at the top. The result
// has the order of the labs; a lab of which nothing is there is left out. An error that is a
// [*Rejection] is the submission's fault, any other is not.
func Read(path string, stdin io.Reader, labs []*course.Lab, single *course.Lab) ([]Submission,
	error) {
	p := &picker{labs: labs, single: single, got: map[string]map[string][]byte{},
		seen: map[string]string{}}
	err := p.readAny(path, stdin)
	if err != nil {
		return nil, err
	}
	return p.result()
}

func (p *picker) readAny(path string, stdin io.Reader) error {
	if path == "-" {
		return p.tarball("standard input", stdin)
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	switch lower := strings.ToLower(path); {
	case st.IsDir():
		return p.folder(path)
	case !st.Mode().IsRegular():
		return reject("", "%s is %s, neither a folder nor an archive",
			printable(filepath.Base(path)), kind(st.Mode()))
	case strings.HasSuffix(lower, ".zip"):
		return p.opened(path, p.zip)
	case IsArchive(lower):
		return p.opened(path, func(f *os.File) error { return p.tarball(filepath.Base(path), f) })
	}
	return reject("", "%s is neither a folder nor a .zip, .tar, .tar.gz or .tgz",
		printable(filepath.Base(path)))
}

// IsArchive reports whether a file of this name is read as an archive.
func IsArchive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{".zip", ".tar", ".tar.gz", ".tgz"}, func(end string) bool {
		return strings.HasSuffix(name, end)
	})
}

func (p *picker) opened(path string, read func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	defer f.Close()
	return read(f)
}

// picker picks the files of labs out of what it is shown.
type picker struct {
	labs   []*course.Lab
	single *course.Lab

	got map[string]map[string][]byte // by slug and file
	// the names in the submission of what was taken, by slug/file
	seen map[string]string
	// the folder in an archive that everything taken lies in, "" for none
	wrapper *string
	others  []string // names of files that are not taken
	// names of files that would be a lab's, if they lay elsewhere: a few of them, for whoever is told that there is none
	elsewhere []string
	// other Go files and archives, a few of each, for the same
	instead, within []string

	files int
	total int64
}

// wanted tells which lab's file a name in an archive stands for: labs/<slug>/<file> or for a single
// lab the file's own name, either of them perhaps below one folder, as archives of repositories
// have it. A name that leads out of the submission is an error, and so is one that is a lab's file
// for those alone who do not tell upper from lower case.
func (p *picker) wanted(name string) (*course.Lab, string, error) {
	if len(name) > maxNameBytes {
		return nil, "", reject(name[:64]+"…", "the name is too long")
	}
	if strings.ContainsAny(name, "\x00\\") {
		return nil, "", reject(name, "the name has a character that no file of a lab has")
	}
	parts := strings.Split(strings.TrimPrefix(name, "./"), "/")
	if path.IsAbs(name) || slices.Contains(parts, "..") || len(parts[0]) == 2 &&
		parts[0][1] == ':' {
		return nil, "", reject(name, "the name leads out of the submission")
	}
	for skip := 0; skip <= 1 && skip < len(parts); skip++ {
		rest := strings.TrimSuffix(strings.Join(parts[skip:], "/"), "/")
		l, file, as := p.named(rest)
		if l == nil {
			continue
		}
		if rest != as {
			return nil, "", reject(name, "the lab's file is called %s", as)
		}
		wrapper := strings.Join(parts[:skip], "/")
		if p.wrapper == nil {
			p.wrapper = &wrapper
		}
		if *p.wrapper != wrapper {
			before := "at the top"
			if *p.wrapper != "" {
				before = "in " + printable(*p.wrapper)
			}
			return nil, "", reject(name, "it lies in another folder than the file before it, which is %s: hand in one of the two",
				before)
		}
		return l, file, nil
	}
	return nil, "", nil
}

// named finds the lab's file that a name stands for in upper or lower case, and how it is called.
func (p *picker) named(name string) (l *course.Lab, file, as string) {
	for _, l := range p.labs {
		for _, file := range l.Files {
			if as := "labs/" + l.Slug + "/" + file; strings.EqualFold(name, as) {
				return l, file, as
			}
		}
	}
	if p.single != nil {
		for _, file := range p.single.Files {
			if strings.EqualFold(name, file) {
				return p.single, file, file
			}
		}
	}
	return nil, "", ""
}

// take reads one wanted file.
func (p *picker) take(l *course.Lab, file, name string, r io.Reader) error {
	key := l.Slug + "/" + file
	if before, twice := p.seen[key]; twice {
		if before == name {
			return reject(name, "it is there twice")
		}
		return reject(name, "it is there twice, also as %s", printable(before))
	}
	p.seen[key] = name
	if p.files++; p.files > MaxFiles {
		return reject(name, "there are more than %d files", MaxFiles)
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	switch {
	case errors.Is(err, errTooLarge):
		return err
	case err != nil:
		return reject(name, "it cannot be read: %v", err)
	}
	if len(data) > MaxFile {
		return reject(name, "it has more than %d KiB", MaxFile>>10)
	}
	if p.total += int64(len(data)); p.total > MaxTotal {
		return reject(name, "the files have more than %d KiB in all", MaxTotal>>10)
	}
	if p.got[l.Slug] == nil {
		p.got[l.Slug] = map[string][]byte{}
	}
	p.got[l.Slug][file] = data
	return nil
}

func (p *picker) result() ([]Submission, error) {
	var all []Submission
	for _, l := range p.labs {
		if files := p.got[l.Slug]; files != nil {
			all = append(all, Submission{l, files, l.NotTaken(p.strays(l))})
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	why := p.lacks()
	switch {
	case len(p.elsewhere) > 0:
		why += fmt.Sprintf("; there is %s: hand in a folder that has it in one of these places",
			strings.Join(p.elsewhere, ", "))
	case len(p.within) > 0:
		why += "; what an archive in it holds is not looked at: " + strings.Join(p.within, ", ")
	case len(p.instead) > 0 && p.single != nil:
		why += "; the code in it has other names: " + strings.Join(p.instead, ", ")
	case len(p.instead) > 0:
		why += "; its code is in " + strings.Join(p.instead, ", ")
	}
	return nil, &Rejection{Reason: why, Nothing: true}
}

// lacks says what is not in a submission that has nothing.
func (p *picker) lacks() string {
	why := "it has no file of the labs that are graded; a submission has labs/<lab>/… as the course has, " +
		"or the files of one lab, named with --lab"
	if p.single != nil {
		why = fmt.Sprintf("there is no %s in it, neither at the top nor in labs/%s",
			strings.Join(p.single.Files, " or "), p.single.Slug)
	} else if len(p.labs) > 0 && p.labs[0].HuntOf != nil {
		why = "there is no labs/<lab>/" + course.HuntFile + " in it, which is what --hunt judges"
	}
	return why
}

// printable makes a name fit to be shown.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == '\uFFFD' {
			return '?'
		}
		return r
	}, name)
}
