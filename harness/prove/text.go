package prove

import (
	"fmt"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/term"
)

// Text writes proofs for people: for each lab the matrix of its variants and checks, and what does not hold.
func Text(w io.Writer, proofs []Proof, colour bool) {
	p := term.NewPaint(colour)
	for _, proof := range proofs {
		fmt.Fprintf(w, "%s %s\n", p.Strong(proof.Lab), proof.Slug)
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
		for _, n := range proof.Notes {
			fmt.Fprintf(w, "  %s %s\n", p.Faint("note:"), n)
		}
		for _, problem := range proof.Problems {
			fmt.Fprintf(w, "  %s %s\n", p.Bad("does not hold:"), strings.ReplaceAll(problem, "\n", "\n    "))
		}
		if proof.Holds {
			fmt.Fprintf(w, "  %s\n", p.Good("holds"))
		}
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
