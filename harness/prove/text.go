package prove

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/term"
)

// Summary is the last line: how many labs hold, and how they were proved.
func Summary(proofs []Proof, runs int, took time.Duration) string {
	holding := 0
	for _, p := range proofs {
		if p.Holds {
			holding++
		}
	}
	hold := "hold"
	if holding == 1 || len(proofs) == 1 {
		hold = "holds"
	}
	text := fmt.Sprintf("%d of %s %s", holding, count(len(proofs), "lab"), hold)
	if runs == 0 {
		return text + " in form; nothing was built or run"
	}
	return fmt.Sprintf("%s, %s, %.0f s", text, count(runs, "run"), took.Seconds())
}

// Broken is one line about a lab that does not hold.
func Broken(p Proof) string {
	line := p.Lab + " does not hold: " + oneLine(p.Problems[0])
	if more := len(p.Problems) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more)", more)
	}
	return line
}

// AllHold reports whether every proof holds.
func AllHold(proofs []Proof) bool {
	return !slices.ContainsFunc(proofs, func(p Proof) bool { return !p.Holds })
}

// count is a number with the word for what is counted.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// are begins "there is 1 hint", "there are 2 hints".
func are(n int) string {
	if n == 1 {
		return "there is"
	}
	return "there are"
}

// oneLine joins the lines of a text, and cuts it where it is long.
func oneLine(text string) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > 300 {
		r = append(r[:300], '…')
	}
	return string(r)
}

// printed is the end of what a check has printed, to be read below its message; "" where it has printed nothing.
func printed(output string) string {
	const most = 4 << 10
	output = strings.TrimSpace(output)
	if output == "" {
		return ""
	}
	if len(output) > most {
		output = "…" + strings.ToValidUTF8(output[len(output)-most:], "")
	}
	return "\nit printed:\n" + output
}

// Text writes proofs for people: for each lab the matrix of its variants and checks, and what does
// not hold. Labs that do not hold come last, and below them a line about each where there are several: of a long text the
// end is what is read, and often nothing else is kept.
func Text(w io.Writer, proofs []Proof, colour bool) {
	p := term.NewPaint(colour)
	broken := func(p Proof) int {
		if p.Holds {
			return 0
		}
		return 1
	}
	proofs = slices.SortedStableFunc(slices.Values(proofs), func(a, b Proof) int { return broken(a) - broken(b) })
	for _, proof := range proofs {
		fmt.Fprintf(w, "%s %s\n", p.Strong(proof.Lab), proof.Slug)
		matrix(w, p, proof)
		for _, n := range proof.Notes {
			fmt.Fprintf(w, "  %s %s\n", p.Faint("note:"), n)
		}
		for _, problem := range proof.Problems {
			fmt.Fprintf(w, "  %s %s\n", p.Bad("does not hold:"),
				strings.ReplaceAll(problem, "\n", "\n    "))
		}
		if proof.Holds {
			fmt.Fprintf(w, "  %s\n", p.Good("holds"))
		}
	}
	first := slices.IndexFunc(proofs, func(p Proof) bool { return !p.Holds })
	if first < 0 || len(proofs)-first == 1 {
		return
	}
	for _, proof := range proofs[first:] {
		fmt.Fprintln(w, p.Bad(Broken(proof)))
	}
}

// matrix writes a row for each variant, and below them what the columns are.
func matrix(w io.Writer, p term.Paint, proof Proof) {
	if len(proof.Matrix) == 0 {
		return
	}
	fmt.Fprintf(w, "  %-34s", "")
	for i := range proof.Checks {
		fmt.Fprintf(w, "%3d", i+1)
	}
	fmt.Fprintln(w)
	for _, v := range proof.Matrix {
		name := v.Name
		if v.Kind == Alternative {
			name = "alternative " + name
		}
		fmt.Fprintf(w, "  %-34s", name)
		for _, c := range v.Cells {
			fmt.Fprint(w, "  "+mark(p, v.Kind, c))
		}
		fmt.Fprintln(w)
	}
	for i, test := range proof.Checks {
		fmt.Fprintln(w, p.Faint(fmt.Sprintf("  %2d %s", i+1, test)))
	}
}

// Legend explains the marks of the matrix.
const Legend = "✗ fails, as it must   x fails besides   · passes   ! is not as it must be"

func mark(p term.Paint, k Kind, c Cell) string {
	switch {
	case k == Stub && c.Always, k == KindMutant && c.Named && c.Always:
		return p.Good("✗")
	case k == Stub, k == KindMutant && c.Named:
		return p.Bad("!")
	case k == KindMutant && c.Failed:
		return p.Faint("x")
	case c.Failed:
		return p.Bad("!")
	case !c.Judged:
		return " "
	}
	return p.Faint("·")
}
