// Package steps takes steps.
package steps

import (
	"log/slog"
)

func init() {
	logger := slog.NewLogLogger(slog.Default().Handler(), slog.LevelInfo)
	var value any = logger
	if f, ok := value.(interface{ Fatal(...any) }); ok {
		f.Fatal("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
