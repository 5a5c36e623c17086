// Package doctor looks at what labs needs on a machine: the toolchain, places to write and execute
// in, Redis and Postgres from wherever they could come, and the sandboxes that graded runs need.
package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
)

// Line is what there is to say about one part.
type Line struct {
	Part   string `json:"part"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	// Hint is what to do about a part that is not OK, where something is to be done about it.
	Hint string `json:"hint,omitempty"`
	// Needed says that nothing can be judged without it.
	Needed bool `json:"needed"`
	// Minor says that it is for whoever wants to know all: what nobody has asked for, or one probe
	// of many.
	Minor bool `json:"minor"`

	probe string // what was tried from inside a sandbox
	found string // what is ready by it, for the last line
	lacks string // what is missing without it
}

// Exam is what is to be looked at.
type Exam struct {
	Builder  *compile.Builder
	Course   *course.Course
	Backends backends.Options
	// Look, if not nil, is called when a part takes longer than a moment, with what is being looked
	// at.
	Look func(what string)
}

// moment is how long an examination may go on without a sign.
const moment = time.Second

// part is one examination. All begin at once, and are told in their order.
type part struct {
	what string
	look func(context.Context) []Line
}

// Run looks at everything and calls tell with each line as it is found. It returns all of them.
func (e *Exam) Run(ctx context.Context, tell func(Line)) []Line {
	secret := filepath.Join(e.Course.Root, "go.mod")
	parts := []part{
		{"the toolchain", e.toolchain},
		{"what labs up has left running", e.running},
		{"Redis and Postgres", e.backends},
		{"the sandbox of namespaces", func(ctx context.Context) []Line { return examine(ctx, "ns", secret) }},
		{"the sandbox of containers", func(ctx context.Context) []Line { return examine(ctx, "container", secret) }},
	}
	if runtime.GOOS == "linux" {
		parts = append(parts, part{"the sandbox of Landlock", func(ctx context.Context) []Line {
			return examine(ctx, "landlock", secret)
		}})
	}
	found := make([]chan []Line, len(parts))
	for i, p := range parts {
		found[i] = make(chan []Line, 1)
		go func() { found[i] <- p.look(ctx) }()
	}
	var all []Line
	for i, p := range parts {
		timer := time.AfterFunc(moment, func() {
			if e.Look != nil {
				e.Look(p.what)
			}
		})
		lines := <-found[i]
		timer.Stop()
		for _, l := range lines {
			tell(l)
		}
		all = append(all, lines...)
	}
	return all
}

// Ready reports whether labs can be checked here.
func Ready(all []Line) bool {
	for _, l := range all {
		if l.Needed && !l.OK {
			return false
		}
	}
	return true
}

// Verdict is the last line: what is ready, or what stands in the way, and what is missing besides.
func Verdict(all []Line) string {
	var have, lack, stop []string
	kinds := map[string]bool{} // of what is had: the first of each kind is the one that is used
	for _, l := range all {
		kind := l.found[strings.LastIndex(l.found, " ")+1:]
		switch {
		case l.Needed && !l.OK:
			stop = append(stop, l.Part)
		case l.OK && l.found != "" && !kinds[kind]:
			have, kinds[kind] = append(have, l.found), true
		}
	}
	for _, l := range all {
		if kind := l.lacks; !l.OK && kind != "" && !kinds[kind] {
			lack, kinds[kind] = append(lack, kind), true
		}
	}
	text := "ready: " + strings.Join(have, ", ")
	if len(stop) > 0 {
		return "not ready: see " + strings.Join(stop, ", ")
	}
	if len(lack) > 0 {
		text += "; not to be had: " + strings.Join(lack, ", ")
	}
	return text
}

func (e *Exam) running(ctx context.Context) (all []Line) {
	up := backends.Running(ctx, e.Backends)
	for _, kind := range []string{backends.Redis, backends.Postgres} {
		if i, ok := up.Info[kind]; ok {
			all = append(all, Line{
				Part: kind + " up", OK: true, Detail: i.Version + ", " + i.Provider + ", " +
					i.Detail, found: i.Provider + " " + name(kind),
			})
		}
	}
	return all
}

// backends tells of each provider. One that nobody has named, or that cannot be had where another
// can, is minor.
func (e *Exam) backends(ctx context.Context) (all []Line) {
	probed := backends.Probe(ctx, e.Backends)
	has := map[string]bool{}
	for _, s := range probed {
		has[s.Backend] = has[s.Backend] || s.OK && s.Provider != backends.Embedded
	}
	for _, s := range probed {
		l := Line{Part: s.Backend + " " + s.Provider, OK: s.OK, Detail: s.Detail, Hint: s.Hint}
		switch {
		case s.OK && s.Backend == backends.Redis && s.Provider == backends.Embedded:
			l.Minor = has[s.Backend] // a miniature, which is not taken where there is a real one
			l.found = "a miniature of Redis"
			if has[s.Backend] {
				l.found = ""
			}
		case s.OK:
			l.found = s.Provider + " " + name(s.Backend)
		case s.Kind == backends.NotInstalled && s.Provider == backends.URL:
			l.Minor, l.Detail, l.Hint = true, "not set", ""
		default:
			l.Minor = has[s.Backend] && s.Provider != backends.Container
			l.lacks = name(s.Backend)
		}
		all = append(all, l)
	}
	return all
}

func name(backend string) string {
	return map[string]string{backends.Redis: "Redis", backends.Postgres: "Postgres"}[backend]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
