package compile

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// CompileError is why files do not compile, as the learner sees it.
type CompileError struct {
	Lines []CompileLine
	Raw   string // the go command's own words
}

// CompileLine is one message of the compiler.
type CompileLine struct {
	File string // as in lab.yaml, or the name of a check's file
	Line int
	Col  int
	Text string
	// Check says that the message is about a check's file: the stub's API has been changed.
	Check bool
}

func (e *CompileError) Error() string {
	var b strings.Builder
	for i, l := range e.Lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", l.File, l.Line, l.Col, l.Text)
	}
	if len(e.Lines) == 0 {
		return strings.TrimSpace(e.Raw)
	}
	return b.String()
}

// Location is file:line of the first message.
func (e *CompileError) Location() string {
	if len(e.Lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", e.Lines[0].File, e.Lines[0].Line)
}

var exeSuffix = map[bool]string{true: ".exe", false: ""}[runtime.GOOS == "windows"]

// splitOutput splits what the go command printed by package: "# path [path.test]" begins a section.
func splitOutput(text string) map[string]string {
	sections := map[string]string{}
	current := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			current, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			current = strings.TrimSuffix(current, "_test")
			continue
		}
		sections[current] += line
	}
	return sections
}

// collect takes the plan's binary out of the build's folder, or finds out why there is none.
func (p *plan) collect(c *course.Course, tmp string, sections map[string]string, all string) {
	built := filepath.Join(tmp, p.name()+".test"+exeSuffix)
	if os.Rename(built, p.target) == nil {
		p.out.Path = p.target
		return
	}
	section := sections[path.Join(c.Module, p.pkgPath())]
	if section == "" {
		section = p.setupFailure(all)
	}
	if section == "" {
		p.out.Err = p.noBinary(c, sections, all)
		return
	}
	p.out.Compile = p.compileError(c, section)
}

// setupFailure finds the lines about this lab among those that belong to no section, such as an
// import that does not exist: these stop a package before it is compiled.
func (p *plan) setupFailure(all string) string {
	var b strings.Builder
	for line := range strings.Lines(all) {
		if m := messageForm.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
			if _, ok := p.fileOf(m[1], ""); ok {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

var messageForm = regexp.MustCompile(`^(\S.*?\.go):(\d+)(?::(\d+))?: (.*)$`)

// compileError keeps the messages about the learner's files. Those about the checks' files remain
// only where there is nothing else: the learner has changed what the checks call.
func (p *plan) compileError(c *course.Course, section string) *CompileError {
	e := &CompileError{Raw: failForm.ReplaceAllString(section, "")}
	var inFiles, inChecks []CompileLine
	var last *CompileLine // which a line that begins with a tab goes on
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\r\n")
		m := messageForm.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "\t") && last != nil {
				last.Text += "\n\t" + p.placed(strings.TrimPrefix(line, "\t"), c.Root)
			}
			continue
		}
		l := CompileLine{Text: inOurWords(m[4])}
		fmt.Sscan(m[2], &l.Line)
		fmt.Sscan(m[3], &l.Col)
		lines := &inFiles
		if file, ok := p.fileOf(m[1], c.Root); ok {
			l.File = file
		} else {
			l.File, l.Check, lines = filepath.Base(m[1]), true, &inChecks
		}
		*lines = append(*lines, l)
		last = &(*lines)[len(*lines)-1]
	}
	e.Lines = inFiles
	if len(e.Lines) == 0 {
		e.Lines = inChecks
	}
	if m := packagesForm.FindStringSubmatch(section); m != nil && len(e.Lines) == 0 {
		e.Lines = []CompileLine{{File: m[2], Line: 1, Col: 1,
			Text: fmt.Sprintf(
				"this file says package %s, and %s says package %s: all files of a lab say the one that the stub says",
				m[1], m[4], m[3])}}
	}
	return e
}

// placed is a line that goes on a message, with the place in it, if there is one, as the learner
// knows its file.
func (p *plan) placed(line, root string) string {
	m := messageForm.FindStringSubmatchIndex(line)
	if m == nil {
		return line
	}
	said := line[:m[3]]
	file, ok := p.fileOf(said, root)
	if !ok {
		file = filepath.Base(said)
	}
	return file + line[m[3]:]
}

var (
	failForm     = regexp.MustCompile(`(?m)^FAIL(\t.*)?\n`) // the go command's summary
	packagesForm = regexp.MustCompile(`(?m)^found packages (\w+) \(([^)]+)\) and (\w+) \(([^)]+)\)`)
	moduleForm   = regexp.MustCompile(
		`^cannot find module providing package (\S+): import lookup disabled.*`)
	stdForm = regexp.MustCompile(`^(package \S+ is not in std) \(.*\)$`)
)

// inOurWords says what the go command says about its own way of looking for a package.
func inOurWords(text string) string {
	text = moduleForm.ReplaceAllString(text,
		"no module of this course has the package $1: a lab uses the standard library and what "+
			"go.mod names")
	return stdForm.ReplaceAllString(text, "$1")
}

// fileOf tells which of the lab's files the compiler means by a path, which it gives relative to
// the course's root.
func (p *plan) fileOf(path, root string) (string, bool) {
	if !filepath.IsAbs(path) && root != "" {
		path = filepath.Join(root, path)
	}
	for to, from := range p.sources {
		if samePath(path, to) || samePath(path, from) {
			rel, err := filepath.Rel(p.req.Lab.Dir, to)
			return filepath.ToSlash(rel), err == nil
		}
	}
	return "", false
}

// samePath also takes a relative path, which is then compared by its end.
func samePath(a, b string) bool {
	if filepath.IsAbs(a) {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	a = filepath.ToSlash(filepath.Clean(a))
	for strings.HasPrefix(a, "../") {
		a = strings.TrimPrefix(a, "../")
	}
	return strings.HasSuffix(filepath.ToSlash(b), "/"+a)
}
