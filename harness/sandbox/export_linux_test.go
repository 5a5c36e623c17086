package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var HelperBeside = helperBeside

// Shares reports whether the sandbox, which has run something, can make groups that share the
// processors.
func Shares(n *NS) bool {
	switch {
	case n.cgroup == nil:
		return false
	case n.cgroup.v2 == "":
		return n.cgroup.cpu != ""
	}
	has, _ := os.ReadFile(filepath.Join(n.cgroup.v2, "cgroup.subtree_control"))
	return slices.Contains(strings.Fields(string(has)), "cpu")
}

// Crowd is a sandbox whose processes have no share of the processors of their own.
func Crowd() *NS { return &NS{crowd: true} }
