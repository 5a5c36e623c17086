package sandbox

import (
	"os"
	"path/filepath"
	"strings"
)

// boundSockets applies the settings to this process's network namespace. Where the kernel does not
// let it, the probe of the sandbox says so.
func boundSockets() {
	for name, value := range socketSettings {
		file := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		os.WriteFile(file, []byte(value), 0o644)
	}
}
