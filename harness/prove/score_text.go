package prove

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/term"
)

// AllKilled reports whether all scores hold.
func AllKilled(scores []Score) bool {
	return !slices.ContainsFunc(scores, func(s Score) bool { return !s.Holds() })
}

// Scores writes scores for people: of each lab one line, and what is to be done about it.
func Scores(w io.Writer, scores []Score, took time.Duration, colour bool) {
	p := term.NewPaint(colour)
	for _, s := range scores {
		for _, v := range s.Survivors {
			survivor(w, p, s, v)
		}
		for _, problem := range s.Problems {
			fmt.Fprintf(w, "%s %s %s\n", p.Strong(s.Lab), p.Bad("does not hold:"), problem)
		}
	}
	holding := 0
	for _, s := range scores {
		mark := p.Bad("✗")
		if s.Holds() {
			mark = p.Good("✓")
			holding++
		}
		fmt.Fprintf(w, "%s %s %-24s %5.1f %%  %d of %s killed, %d explained, %d not; %.0f s\n", mark,
			p.Strong(s.Lab), s.Slug, s.Percent(), s.Killed, count(s.Variants, "variant"), s.Explained,
			len(s.Survivors), s.Seconds)
	}
	fmt.Fprintf(w, "%d of %s without a survivor, %.0f s\n", holding, count(len(scores), "lab"),
		took.Seconds())
}

// survivor writes the change that nobody has noticed, and how lab.yaml would explain it.
func survivor(w io.Writer, p term.Paint, s Score, v Survivor) {
	fmt.Fprintf(w, "%s %s no check fails: %s, solutions/%s/%s:%d\n", p.Strong(s.Lab),
		p.Bad("survives:"), v.Operator, s.Slug, v.File, v.Line)
	for line := range strings.Lines(v.Diff) {
		line = strings.TrimSuffix(line, "\n")
		switch line[:min(1, len(line))] {
		case "-":
			line = p.Bad(line)
		case "+":
			line = p.Good(line)
		default:
			line = p.Faint(line)
		}
		fmt.Fprintf(w, "    %s\n", line)
	}
	fmt.Fprintln(w, p.Faint(indented(explanation(v))))
}

// explanation is what lab.yaml would say of it, were it equivalent.
func explanation(v Survivor) string {
	text, err := yaml.Marshal([]course.Equivalent{{Was: v.Was, Becomes: v.Becomes, In: v.In,
		Why: "…"}})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
