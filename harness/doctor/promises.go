package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// promise is one of those that a graded verdict rests on, with the probes that show it: what a
// process in the sandbox must not be able to do.
type promise struct {
	text   string
	probes []string
}

var promises = []promise{
	{"only the check's own account can report", []string{
		"write on a pipe that another thread keeps for itself"}},
	{"nothing is read that is not the submission's own", []string{
		"read a file of this machine", "list the processes of this machine"}},
	{"nobody is reached but the check's own stores", []string{
		"open a connection to another machine",
		"open a socket that knows no namespace (vsock)",
		"open a socket that passes on descriptors (unix)"}},
	{"no other submission is touched", []string{
		"write a file outside its own folder", "trace a process"}},
	{"nobody gets out", []string{
		"make a user namespace", "mount a file system", "take a capability"}},
	{"nothing fills the machine", []string{
		"start 10,000 processes", "allocate 10 GiB",
		"have the kernel keep megabytes for one connection"}},
}

// promisePart is the name of the lines about promises, and racePart of that about the race detector.
const (
	promisePart = "promise"
	racePart    = "race detector"
)

// Promises says of each promise whether it holds here, in the sandbox that graded runs take, and
// what has shown it. It judges by the lines of an examination.
func Promises(all []Line) []Line {
	box := chosen(all)
	lines := []Line{memory(all)}
	for _, p := range promises {
		lines = append(lines, p.judge(box, all))
	}
	return lines
}

// chosen is the first sandbox that holds, "" if none does.
func chosen(all []Line) string {
	for _, l := range all {
		if l.OK && l.lacks == "sandbox" {
			return l.Part
		}
	}
	return ""
}

func memory(all []Line) Line {
	l := Line{Part: promisePart, Detail: "nothing reaches into another's memory unseen: "}
	i := slices.IndexFunc(all, func(l Line) bool { return l.Part == racePart })
	if i < 0 || !all[i].OK {
		l.Detail += "there is no race detector here, under which every check is run once more"
		return l
	}
	l.OK = true
	l.Detail += "every check is run once more under the race detector"
	return l
}

func (p promise) judge(box string, all []Line) Line {
	l := Line{Part: promisePart, Detail: p.text}
	if box == "" {
		l.Detail += ": there is no sandbox here that holds"
		return l
	}
	for _, probe := range p.probes {
		i := slices.IndexFunc(all, func(l Line) bool { return l.Part == box && l.probe == probe })
		if i < 0 || !all[i].OK {
			l.Detail += fmt.Sprintf(": not shown that a process in %s cannot %s", box, probe)
			return l
		}
	}
	l.OK = true
	l.Detail += fmt.Sprintf(": a process in %s cannot %s", box, enumerate(p.probes))
	return l
}

// enumerate joins the words with commas, and the last one by "or".
func enumerate(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Graded is the last line about graded runs: that they can begin, or what is missing for them.
func Graded(all []Line) string {
	var missing []string
	box := chosen(all)
	if !Ready(all) {
		missing = append(missing, "what labs itself needs")
	}
	if box == "" {
		missing = append(missing, "a sandbox that holds")
	}
	if !memory(all).OK {
		missing = append(missing, "the race detector, which needs a C compiler")
	}
	for _, p := range promises {
		if l := p.judge(box, all); !l.OK && box != "" {
			missing = append(missing, l.Detail)
		}
	}
	if len(missing) > 0 {
		return "not ready for graded runs; missing: " + strings.Join(missing, "; ")
	}
	return "ready for graded runs: " + box + ", all promises hold"
}
