package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/run"
)

// JSON writes results as one JSON array, indented. The fields are those of [run.Result]; what a
// check has printed is shortened, see [Shorten]. Control characters are escaped, also those that
// JSON would let through, and what a CI runner takes for a command: somebody may look at it in a
// terminal, or in a log.
func JSON(w io.Writer, results []run.Result) error {
	if results != nil {
		results = slices.Clone(results)
	}
	for i := range results {
		results[i].Checks = slices.Clone(results[i].Checks)
		for k := range results[i].Checks {
			results[i].Checks[k].Output = Shorten(results[i].Checks[k].Output)
		}
	}
	return encode(w, results)
}

func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeC1.Replace(b.String()))
	return err
}

// escapeC1 escapes what in JSON stands in strings only: DEL, the second set of control characters,
// and the beginning of a command of a CI runner, which may stand anywhere in a line. What is read
// back is the same.
var escapeC1 = func() *strings.Replacer {
	pairs := []string{"##[", `#\u0023[`}
	for c := rune(0x7f); c < 0xa0; c++ {
		pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	for _, c := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	return strings.NewReplacer(pairs...)
}()
