package journey

import (
	"fmt"
	"strings"
	"time"
)

// Waterfall draws the phases of a journey, a line each, as the browser's network tab does: given,
// and not to be changed.
func Waterfall(phases []Phase) string {
	const width = 50
	var total, began time.Duration
	for _, p := range phases {
		total += p.Dur
	}
	cell := func(d time.Duration) int { return int(d * width / max(total, 1)) }
	var b strings.Builder
	for _, p := range phases {
		from, to := cell(began), cell(began+p.Dur)
		bar := strings.Repeat("█", to-from)
		if bar == "" {
			bar = "▏"
		}
		line := fmt.Sprintf("%-8s %10s  %s%s", p.Name, round(p.Dur), strings.Repeat(" ", from), bar)
		if p.Err != nil {
			line += " ✗ " + p.Err.Error()
		}
		b.WriteString(line + "\n")
		began += p.Dur
	}
	return b.String()
}

// round leaves of a duration what is worth reading.
func round(d time.Duration) time.Duration {
	if d > time.Millisecond {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
