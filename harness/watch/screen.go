package watch

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Screen is the [View] of a terminal: it shows what fits, the first failure before everything else.
//
// It paints over what is there, line by line and in one write, so that nothing flickers, and uses
// no second screen: what was last seen stays when the session ends.
type Screen struct {
	Out    io.Writer
	Size   func() (columns, rows int)
	Colour bool

	painted string
}

const (
	toTop      = "\x1b[H"
	wipe       = "\x1b[2J"
	wipeLine   = "\x1b[K" // from the cursor on
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// Draw paints the scene.
func (s *Screen) Draw(scene Scene) {
	columns, rows := s.Size()
	f := newFrame(columns, rows, s.Colour, time.Now())
	painting := toTop + strings.Join(f.lines(scene), wipeLine+"\r\n") + wipeLine
	switch {
	case scene.Repaint || s.painted == "":
		fmt.Fprint(s.Out, hideCursor+wipe+painting)
	case painting != s.painted:
		fmt.Fprint(s.Out, painting)
	}
	s.painted = painting
}

// Close leaves the cursor below what was drawn last.
func (s *Screen) Close() {
	if s.painted != "" {
		fmt.Fprint(s.Out, "\r"+wipeLine+showCursor)
	}
}

// frame makes the lines of a screen.
type frame struct {
	columns, rows int
	style         report.Style
	p             term.Paint
	now           time.Time
}

// widest is how wide text may get before it is hard to read.
const widest = 100

func newFrame(columns, rows int, colour bool, now time.Time) *frame {
	return &frame{
		columns: max(20, columns), rows: max(6, rows), now: now, p: term.NewPaint(colour),
		style: report.Style{Colour: colour, Columns: min(max(20, columns), widest), Failing: true, Keys: true},
	}
}

// lines are as many as the screen has rows, none wider than it.
func (f *frame) lines(s Scene) []string {
	lines := []string{f.title(s), f.status(s)}
	if s.Result != nil && s.Phase != Checking && s.Err == nil {
		lines = append(lines, beside(*s.Result, f.style)...)
	}
	lines = append(lines, "")
	bottom := f.bottom(s)
	room := f.rows - len(lines) - len(bottom)
	if s.Page != nil {
		var before, after int
		var text []string
		text, before, after = s.Page.window(room)
		lines = append(lines, f.page(s.Page, text, before)...)
		bottom[len(bottom)-1] = f.pageKeys(s.Page, before, after)
	} else {
		lines = append(lines, f.body(s, room)...)
	}
	for len(lines) < f.rows-len(bottom) {
		lines = append(lines, "")
	}
	lines = append(lines[:f.rows-len(bottom)], bottom...)
	for i, line := range lines {
		lines[i] = fit(line, f.columns)
	}
	return lines
}

// fit cuts a line that is too wide. Tabs become spaces: they would leave what was there before, and
// take more room than is counted for them.
func fit(line string, columns int) string {
	line = strings.ReplaceAll(line, "\t", "    ")
	more := "…"
	if ansi.StringWidth(strings.TrimRight(ansi.Strip(line), " ")) <= columns {
		more = "" // only spaces are cut off
	}
	return ansi.Truncate(line, columns, more)
}

// title names the lab and what is edited, as much of it as there is room for.
func (f *frame) title(s Scene) string {
	paths, names := make([]string, len(s.Lab.Files)), make([]string, len(s.Lab.Files))
	for i, file := range s.Lab.Files {
		paths[i], names[i] = "labs/"+s.Lab.Slug+"/"+file, path.Base(file)
	}
	lab := f.p.Strong(s.Lab.ID + " " + s.Lab.Title)
	return f.first(lab+"  "+f.p.Faint(strings.Join(paths, " ")),
		lab+"  "+f.p.Faint(strings.Join(names, " ")), lab)
}

// first is the first of several texts that fits into a line, or else the last.
func (f *frame) first(texts ...string) string {
	for _, text := range texts {
		if ansi.StringWidth(text) <= f.columns {
			return text
		}
	}
	return texts[len(texts)-1]
}

// status says what goes on, or else how it has ended.
func (f *frame) status(s Scene) string {
	sum := ""
	if s.Result != nil {
		sum = summary(*s.Result, f.style)
	}
	switch {
	case s.Phase == Checking:
		text := f.p.Accent("checking…") + f.elapsed(s)
		if f.slow(s) && len(s.SoFar) > 0 {
			text += fmt.Sprintf(", %d of %d checks", len(s.SoFar), len(s.Lab.Checks))
		}
		return text
	case s.Err != nil:
		return f.p.Warn("no verdict") + ": the code is not at fault"
	case s.Result == nil:
		return ""
	case s.Phase == Racing:
		race := "; " + f.p.Accent("race detector…")
		return f.first(sum+race+f.elapsed(s), f.short(*s.Result)+race+f.elapsed(s), f.short(*s.Result)+race,
			s.Result.Words()+race, s.Result.Words())
	case s.Remembered:
		return f.first(sum+f.p.Faint("; unchanged since then"), sum, f.short(*s.Result))
	}
	return f.first(sum+f.p.Faint("; at "+s.At.Format(time.TimeOnly)), sum, f.short(*s.Result))
}

// short is the sum of a result where there is little room: up to its first comma, as "failed: 10 of 20 points".
func (f *frame) short(r run.Result) string {
	text, _, _ := strings.Cut(summary(r, f.style), ", ")
	return text
}

// elapsed is the time of a phase that takes long enough to make one wonder whether it hangs.
func (f *frame) elapsed(s Scene) string {
	if !f.slow(s) {
		return ""
	}
	return fmt.Sprintf(" %.1f s", f.now.Sub(s.Since).Seconds())
}

func (f *frame) slow(s Scene) bool { return f.now.Sub(s.Since) >= time.Second }

// bottom is what there is to say besides, and the keys.
func (f *frame) bottom(s Scene) []string {
	lines := []string{""}
	paint, text := f.p.Warn, s.Notice
	if text == "" {
		paint, text = f.p.Faint, s.Doing
	}
	if text != "" {
		for _, line := range f.wrap("", text) {
			lines = append(lines, paint(line))
		}
		lines = lines[:min(len(lines), 3)]
	}
	return append(lines, f.keys(passed(s) && !s.NoAnswer))
}

// passed reports whether the lab is passed as it is now: all that it demands was judged.
func passed(s Scene) bool {
	return s.Phase == Idle && s.Result != nil && s.Result.Complete()
}

// keys are those that are of use now, as many as fit.
func (f *frame) keys(passed bool) string {
	keys := []string{"h hint", "b brief", "v in full", "n next", "p previous", "l list", "r again",
		"? help", "q quit"}
	if passed {
		keys = []string{"s answer", "n next", "p previous", "l list", "b brief", "r again",
			"? help", "q quit"}
	}
	for len(keys) > 3 && ansi.StringWidth(strings.Join(keys, "  ")) > f.columns {
		keys = append(keys[:len(keys)-3], keys[len(keys)-2:]...)
	}
	for i, k := range keys {
		key, what, _ := strings.Cut(k, " ")
		keys[i] = f.p.Accent(key) + " " + f.p.Faint(what)
	}
	return strings.Join(keys, "  ")
}

func (f *frame) pageKeys(p *Page, before, after int) string {
	keys := f.p.Accent("q") + " " + f.p.Faint("back")
	if p.picks() {
		keys += "  " + f.p.Accent("↑ ↓ Enter") + " " + f.p.Faint("go to a lab")
	} else if before+after > 0 {
		keys += "  " + f.p.Accent("space ↑ ↓") + " " + f.p.Faint("turn")
	}
	if before+after == 0 {
		return keys
	}
	total := len(p.Lines)
	return f.first(keys+"  "+f.p.Faint(fmt.Sprintf("lines %d to %d of %d", before+1, total-after, total)),
		keys+"  "+f.p.Faint(fmt.Sprintf("%d/%d", total-after, total)), keys)
}

func (f *frame) page(p *Page, lines []string, before int) []string {
	if !p.picks() {
		return lines
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		mark := "  "
		if before+i == p.picked {
			mark = f.p.Accent("> ")
		}
		out[i] = mark + line
	}
	return out
}

// body is the result, as much as there is room for.
func (f *frame) body(s Scene, room int) []string {
	if s.Phase == Checking && f.slow(s) && slices.ContainsFunc(s.SoFar,
		func(c run.Check) bool { return c.Verdict != run.Passed }) {
		return f.result(Scene{Lab: s.Lab, Result: &run.Result{Lab: s.Lab.ID, Title: s.Lab.Title,
			Verdict: run.Failed, Checks: s.SoFar}}, room)
	}
	switch {
	case s.Err != nil && s.Phase == Idle:
		return f.wrap("  ", s.Err.Error()+"\n\nr tries again.")
	case s.Result == nil:
		return f.announce(s.Lab, room)
	case s.Phase == Checking:
		return f.old(f.result(s, room-1))
	case s.Result.Verdict == run.NotAttempted:
		return append(f.wrap("  ", "Nothing is written yet: b shows the brief.\n "),
			f.announce(s.Lab, room-2)...)
	case passed(s):
		return f.passed(s, room)
	}
	return f.result(s, room)
}

// old shows that a result is that of an earlier content.
func (f *frame) old(lines []string) []string {
	out := []string{f.p.Faint("before this save:")}
	for _, line := range lines {
		out = append(out, f.p.Faint(ansi.Strip(line)))
	}
	return out
}

func (f *frame) wrap(indent, text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		for part := range strings.SplitSeq(term.Wrap(report.Plain(line),
			f.style.Columns-len(indent)), "\n") {
			lines = append(lines, strings.TrimRight(indent+part, " "))
		}
	}
	return lines
}
