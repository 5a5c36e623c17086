// Package labs has the folders of the labs, so that a binary brings them along.
package labs

import "embed"

// Files are the labs' folders as they lie here: briefs, stubs, checks, lab.yaml and the recorded stubs; and the paths.
//
//go:embed all:*-* paths.yaml
var Files embed.FS
