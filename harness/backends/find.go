package backends

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// usualPrefixes are the folders beyond PATH in which packages put their programs, as patterns.
func usualPrefixes() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{`C:\Program Files\PostgreSQL\*\bin`, `C:\Program Files\Redis`}
	case "darwin":
		return []string{
			"/opt/homebrew/bin", "/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin", "/usr/local/bin",
			"/opt/local/lib/postgresql*/bin", "/opt/local/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		}
	}
	return []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib/postgresql*/bin",
		"/usr/libexec/postgresql*",
		"/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin", "/usr/sbin",
		"/home/linuxbrew/.linuxbrew/bin",
	}
}

// programs lists where the program is installed: what PATH gives comes first, then the usual
// places, a higher version before a lower one.
func (st *site) programs(name string) []string {
	dirs := filepath.SplitList(st.Getenv("PATH"))
	prefixes := st.prefixes
	if prefixes == nil {
		prefixes = usualPrefixes()
	}
	for _, pattern := range prefixes {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return compareVersions(b, a) })
		dirs = append(dirs, found...)
	}
	var list []string
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			continue // the current folder is the learner's
		}
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}

// compareVersions compares paths by the numbers in them: …/9.6/bin comes before …/17/bin.
func compareVersions(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(s string) []int {
	var list []int
	for _, field := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(field); err == nil {
			list = append(list, n)
		}
	}
	return list
}
