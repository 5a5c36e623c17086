// Package stacks reads dumps of goroutines and says in a learner's words what they are doing: where
// in the lab's own code, and what they wait for.
package stacks

import (
	"regexp"
	"runtime"
	"strings"
)

// Goroutine is one goroutine of a dump.
type Goroutine struct {
	ID     string
	State  string  // as the runtime says it: "chan receive (durable), synctest bubble 7"
	Bubble string  // the number of the synctest bubble that it belongs to, "" if to none
	Frames []Frame // innermost first
	// Started is the statement that started it; its Func is the function that the statement is in.
	Started Frame
}

// Frame is one call of a stack.
type Frame struct {
	Func  string // with its package, without arguments
	Args  string // the words that it was called with: "0xc00001a0a8, 0x1"; "..." if it was inlined
	Place string // file:line, the file as it was compiled
}

var (
	header   = regexp.MustCompile(`^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\]]*)\]:`)
	inBubble = regexp.MustCompile(`synctest bubble (\d+)`)
)

// Parse reads the text form of [runtime.Stack], or what the runtime prints when it ends a process.
// What is no goroutine is passed over.
func Parse(dump string) []Goroutine {
	var all []Goroutine
	for block := range strings.SplitSeq(strings.ReplaceAll(dump, "\r", ""), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for len(lines) > 1 && !header.MatchString(lines[0]) {
			lines = lines[1:] // what else was printed before it
		}
		m := header.FindStringSubmatch(lines[0])
		if m == nil {
			continue
		}
		g := Goroutine{ID: m[1], State: m[2]}
		if in := inBubble.FindStringSubmatch(g.State); in != nil {
			g.Bubble = in[1]
		}
		g.read(lines[1:])
		all = append(all, g)
	}
	return all
}

// read takes the frames: pairs of a line with the function and an indented line with the place, the
// last pair being the statement that started the goroutine.
func (g *Goroutine) read(lines []string) {
	for i := 0; i+1 < len(lines); i++ {
		if !strings.HasPrefix(lines[i+1], "\t") {
			continue
		}
		fn, place := lines[i], strings.TrimSpace(lines[i+1])
		place, _, _ = strings.Cut(place, " +0x")
		i++
		if creator, ok := strings.CutPrefix(fn, "created by "); ok {
			creator, _, _ = strings.Cut(creator, " in goroutine ")
			g.Started = Frame{Func: creator, Place: place}
			continue
		}
		f := Frame{Func: fn, Place: place}
		if cut := strings.LastIndex(fn, "("); cut > 0 {
			f.Func, f.Args = fn[:cut], strings.TrimSuffix(fn[cut+1:], ")")
		}
		g.Frames = append(g.Frames, f)
	}
}

// The sizes between which a dump is tried: mostly a small buffer does, and a property takes
// hundreds of dumps.
const (
	smallest = 32 << 10
	largest  = 64 << 20
)

// Dump is the text of a dump of all goroutines, that of the caller first. whole says that none is
// missing: beyond 64 MiB the rest is cut off. Everything stands still meanwhile, some 20 µs for
// each goroutine: see [Many].
func Dump() (text string, whole bool) {
	for size := max(smallest, runtime.NumGoroutine()<<10); ; size *= 2 {
		buf := make([]byte, min(size, largest))
		if n := runtime.Stack(buf, true); n < size || size >= largest {
			return string(buf[:n]), n < size
		}
	}
}

// many is how many goroutines are too many for a dump in passing.
const many = 10_000

// Many returns how many goroutines there are, if that is too many to look at each of them, and else
// 0.
func Many() int {
	if n := runtime.NumGoroutine(); n > many {
		return n
	}
	return 0
}

// All is a dump, read; see [Dump] for whole.
func All() (all []Goroutine, whole bool) {
	text, whole := Dump()
	return Parse(text), whole
}

// labFolder is the folder of a lab or of its solution, as course demands that they are named.
var labFolder = regexp.MustCompile(`/(?:labs|solutions)/[bia]\d\d-[^/]+/`)

// IsLab tells the learner's files, and no check's, by their place: in the folder of a lab or of a
// solution. Whatever else there is may lie below a folder called labs, too, the course, Go and the
// modules; and the course below one that is called like a lab's, so what counts is what comes last.
func IsLab(place string) bool {
	folders := labFolder.FindAllStringIndex(place, -1)
	if len(folders) == 0 {
		return false
	}
	below := place[folders[len(folders)-1][1]-1:]
	return !strings.Contains(below, "_test.go:") && !strings.Contains(below, "/harness/") &&
		!strings.Contains(below, "/pkg/mod/") && !strings.Contains(below, "/zz_labs_")
}

// Short is a place without its folder.
func Short(place string) string { return place[strings.LastIndex(place, "/")+1:] }

// Labs are the frames that are the lab's own code, innermost first.
func (g Goroutine) Labs() (in []Frame) {
	for _, f := range g.Frames {
		if IsLab(f.Place) {
			in = append(in, f)
		}
	}
	return in
}

// Where is file:line of the innermost frame that is the lab's own code, "" if there is none. Of a loop with nothing in it
// the compiler knows no line, and says 0 or 1: then it is the file, and in brackets the function.
func (g Goroutine) Where() string {
	for _, f := range g.Frames {
		if IsLab(f.Place) {
			return f.where()
		}
	}
	return ""
}

func (f Frame) where() string {
	file, line, _ := strings.Cut(Short(f.Place), ":")
	if line != "0" && line != "1" {
		return Short(f.Place)
	}
	_, name, _ := strings.Cut(Short(f.Func), ".")
	return file + " (in " + strings.NewReplacer("(*", "", "(", "", ")", "").Replace(name) + ")"
}

// StartedAt is file:line of the statement that started it, if that is in the lab's own code.
func (g Goroutine) StartedAt() string {
	if IsLab(g.Started.Place) {
		return Short(g.Started.Place)
	}
	return ""
}

// InCheck is file:line of the innermost frame that is a check's, or what [Goroutine.Where] says without a line.
func (g Goroutine) InCheck() string {
	for _, f := range g.Frames {
		if strings.Contains(f.Place, "_test.go:") && !strings.Contains(f.Place, "/zz_labs_") {
			return f.where()
		}
	}
	return ""
}

// In reports whether it is in a call of a function whose name begins with one of these.
func (g Goroutine) In(names ...string) bool {
	for _, f := range g.Frames {
		for _, n := range names {
			if strings.HasPrefix(f.Func, n) {
				return true
			}
		}
	}
	return false
}

// Place is the best-known place: where it is, else where it was started.
func (g Goroutine) Place() string {
	switch where, started := g.Where(), g.StartedAt(); {
	case where != "":
		return where
	case started != "":
		return "a call started at " + started
	case len(g.Frames) > 0:
		return g.Frames[0].Func
	}
	return "an unknown place"
}

// Describe says what a goroutine is doing, where: "a goroutine is asleep (time.Sleep) at
// store.go:7".
func (g Goroutine) Describe() string {
	text := "a goroutine is " + g.Doing() + " at " + g.Place()
	if started := g.StartedAt(); g.Where() != "" && started != "" {
		text += " (started at " + started + ")"
	}
	return text
}
