package watch

import (
	"context"
	"strings"
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
