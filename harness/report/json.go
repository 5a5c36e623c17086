package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// JSON writes results as one JSON array, indented. The fields are those of [run.Result]. Control characters are escaped,
// also those that JSON would let through: somebody may look at it in a terminal.
func JSON(w io.Writer, results []run.Result) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(results); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeC1.Replace(b.String()))
	return err
}

// escapeC1 escapes DEL and the second set of control characters, which in JSON stand in strings only.
var escapeC1 = func() *strings.Replacer {
	var pairs []string
	for c := rune(0x7f); c < 0xa0; c++ {
		pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	return strings.NewReplacer(pairs...)
}()
