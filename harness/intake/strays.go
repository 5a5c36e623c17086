package intake

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/backend-labs/backend-labs/harness/course"
)

// What is remembered of files that are not read, only to be able to say so.
const (
	maxOthers  = 200   // names
	maxListing = 1_000 // entries of a folder that are looked at
)

// other notes the name of a file in the submission that is not taken, if it could have been code of
// a lab.
func (p *picker) other(name string) {
	p.near(name)
	if name = strings.TrimPrefix(name, "./"); len(p.others) < maxOthers && p.likeCode(name) {
		p.others = append(p.others, name)
	}
}

// maxElsewhere is how many files in a wrong place are named.
const maxElsewhere = 3

// near notes a name that would be that of a lab's file in another place: in the lab's folder, wherever that is, or of
// a single lab anywhere.
func (p *picker) near(name string) {
	if len(p.elsewhere) < maxElsewhere && slices.ContainsFunc(p.labs, func(l *course.Lab) bool {
		return slices.ContainsFunc(l.Files, func(file string) bool {
			if l != p.single {
				file = l.Slug + "/" + file
			}
			return strings.HasSuffix("/"+name, "/"+file)
		})
	}) {
		p.elsewhere = append(p.elsewhere, printable(name))
		return
	}
	base := path.Base(name)
	switch {
	case strings.HasPrefix(base, "."), strings.HasSuffix(base, "_test.go"):
	case IsArchive(base) && len(p.within) < maxElsewhere:
		p.within = append(p.within, printable(name))
	case path.Ext(base) == ".go" && len(p.instead) < maxElsewhere:
		p.instead = append(p.instead, printable(name))
	}
}

// lookElsewhere notes such names in a folder in which nothing was found. Only names are looked at. A file that is in
// its place by now was not there before, which is an error.
func (p *picker) lookElsewhere(root *os.Root) error {
	looked := 0
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if looked++; looked > maxListing || len(p.elsewhere) == maxElsewhere {
			return fs.SkipAll
		}
		if err != nil || e.IsDir() && (strings.Count(name, "/") > 6 || name != "." && course.Ignored(e.Name())) {
			return fs.SkipDir
		}
		if l, _, as := p.named(name); l != nil && as == name {
			return reject(name, "it has changed while it was read")
		}
		if e.Type().IsRegular() {
			p.near(name)
		}
		return nil
	})
}

func (p *picker) likeCode(name string) bool {
	for _, l := range p.labs {
		if _, rest, inside := strings.Cut("/"+name, "/labs/"+l.Slug+"/"); inside {
			return l.Stray(rest)
		}
	}
	return p.single != nil && p.single.Stray(name)
}

// strays are those of the others that lie beside a lab's files and would have been code of the lab,
// by their names as from the lab's folder.
func (p *picker) strays(l *course.Lab) (names []string) {
	for _, file := range l.Files {
		name, taken := p.seen[l.Slug+"/"+file]
		if !taken {
			continue
		}
		home := strings.TrimSuffix(strings.TrimPrefix(name, "./"), file)
		for _, other := range p.others {
			rest, inside := strings.CutPrefix(other, home)
			if inside && path.Dir(rest) == path.Dir(file) && !course.Ignored(path.Base(rest)) &&
				l.Stray(rest) {
				names = append(names, printable(rest))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// listBeside notes what else lies in the folders of the files that were taken. Only names are
// looked at.
func (p *picker) listBeside(root *os.Root) {
	flag := os.O_RDONLY
	if runtime.GOOS != "windows" {
		flag |= syscall.O_NONBLOCK
	}
	looked := map[string]bool{}
	for _, name := range p.seen {
		dir := path.Dir(name)
		if looked[dir] {
			continue
		}
		looked[dir] = true
		f, err := root.OpenFile(dir, flag, 0)
		if err != nil {
			continue
		}
		entries, _ := f.ReadDir(maxListing)
		f.Close()
		for _, e := range entries {
			if at := path.Join(dir, e.Name()); e.Type().IsRegular() {
				p.other(at)
			}
		}
	}
}
