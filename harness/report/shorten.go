package report

import (
	"fmt"
	"strings"
)

// keptOutput is how much a report keeps of what one check has printed, in bytes. A check may print
// a megabyte, and a class has many checks.
const keptOutput = 64 << 10

// Shorten keeps the head and the tail of what a check has printed, and says how much it has left
// out between them.
func Shorten(output string) string {
	if len(output) <= keptOutput {
		return output
	}
	half := keptOutput/2 - 64 // room for the line between
	head, tail := strings.ToValidUTF8(output[:half], ""),
		strings.ToValidUTF8(output[len(output)-half:], "")
	return fmt.Sprintf("%s\n… %d bytes left out …\n%s", head, len(output)-2*half, tail)
}
