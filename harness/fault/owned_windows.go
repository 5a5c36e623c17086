package fault

import "io/fs"

// owned is not known here.
func owned(fs.FileInfo) bool { return false }
