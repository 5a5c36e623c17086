package watch

import (
	"context"
	"strings"

	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/charmbracelet/x/ansi"
)

const helpText = `Every save is checked at once. The first failing check is shown in full.

  h        one more hint
  b        the brief: the question, the task, the contract
  v        the whole result in full, with what your code printed
  s        the reference solution and the model answer, after a pass
  n        the next lab that is not passed
  p        the lab you came from, else the one before in the course
  l        all labs; Enter goes to one
  r        run again, although nothing has changed
  q        quit, and so do Ctrl-C and Ctrl-D
  Ctrl-Z   stop for now; fg in the shell comes back

In a text: space, arrows, Page Up and Page Down
turn it; q or Esc closes it, and so does a save.`

// Help is the page that explains the keys.
func Help(context.Context, Scene) (*Page, error) {
	return &Page{Lines: strings.Split(helpText, "\n")}, nil
}

// HelpFor is Help for a screen of so many columns: what a key does hangs beside it.
func HelpFor(columns func() int) func(context.Context, Scene) (*Page, error) {
	return func(ctx context.Context, s Scene) (*Page, error) {
		p, err := Help(ctx, s)
		var lines []string
		for _, line := range p.Lines {
			key, what := "", line
			if len(line) > keyColumn && strings.HasPrefix(line, "  ") {
				key, what = line[:keyColumn], line[keyColumn:]
			}
			lines = append(lines, hung(key, what, columns())...)
		}
		p.Lines = lines
		return p, err
	}
}

// keyColumn is where in the help the text beside a key begins.
const keyColumn = 11

// hung is text behind first, wrapped to the columns, its other lines as far to the right.
func hung(first, text string, columns int) []string {
	left := ansi.StringWidth(first)
	lines := strings.Split(term.Wrap(text, max(8, columns-left)), "\n")
	for i, line := range lines {
		if i > 0 {
			first = strings.Repeat(" ", left)
		}
		lines[i] = first + line
	}
	return lines
}
