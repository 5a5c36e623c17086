// Package solutions has the folders of the solutions, so that a binary brings them along.
package solutions

import "embed"

// Files are the solutions' folders as they lie here: references, model answers, mutants and alternatives.
//
//go:embed all:*-*
var Files embed.FS
