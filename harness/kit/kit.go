// Package kit has the sources of the packages below it, which the labs' checks import, so that a binary brings them
// along.
package kit

import "embed"

// Files are the kit's packages as they lie here, with their tests.
//
//go:embed */*.go */*/*.go
var Files embed.FS
