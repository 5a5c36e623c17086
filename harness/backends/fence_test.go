package backends_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestFence keeps containers behind this package: a test binary of a lab that links the client of
// Docker takes many times as long to build, and what others need of a backend is its address.
func TestFence(t *testing.T) {
	const here = "github.com/backend-labs/backend-labs/harness/backends"
	// one of which is a container
	const sandbox = "github.com/backend-labs/backend-labs/harness/sandbox"
	const finds = "github.com/backend-labs/backend-labs/harness/docker" // the engine, for both
	list := exec.Command("go", "list", "-f",
		`{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`, "github.com/backend-labs/backend-labs/...")
	out, err := list.Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(line, " ")
		for imported := range strings.FieldsSeq(imports) {
			docker := strings.HasPrefix(imported, "github.com/testcontainers/") ||
				strings.HasPrefix(imported, "github.com/moby/")
			if docker && pkg != here && pkg != sandbox && pkg != finds {
				t.Errorf("%s imports %s; only %s, %s and %s may", pkg, imported, here, sandbox,
					finds)
			}
			own := strings.HasPrefix(pkg, "github.com/backend-labs/backend-labs/harness/kit") ||
				strings.HasPrefix(pkg, "github.com/backend-labs/backend-labs/labs/")
			if own && (strings.HasPrefix(imported, here) || strings.HasPrefix(imported, sandbox) ||
				imported == finds) {
				t.Errorf("%s imports %s, which the test of a lab would link", pkg, imported)
			}
		}
	}
}
