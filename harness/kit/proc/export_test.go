package proc

import "fmt"

// Ours reports whether the caller belongs to a variant.
func Ours(variant string) bool { return ours(variant) }

// NextOf writes the pieces, and gives after each the lines with the prefix that are there then.
func NextOf(prefix string, pieces ...string) (lines []string, all string) {
	o := newOutput()
	for _, piece := range pieces {
		fmt.Fprint(o, piece)
		for {
			line, ok, more := o.next(prefix)
			if !ok {
				select {
				case <-more:
					panic("told of more output before there is any")
				default:
				}
				break
			}
			lines = append(lines, line)
		}
	}
	return lines, o.String()
}
