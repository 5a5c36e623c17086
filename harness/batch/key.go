package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/hunt"
	"github.com/backend-labs/backend-labs/harness/intake"
)

// Key is a name for the journal of a batch: the same for the same command on the same folder,
// whatever has been added to it meanwhile.
func (g *Grader) Key(paths []string) string {
	h := sha256.New()
	fmt.Fprintln(h, g.Demanded, g.Sandbox.Name(), g.Options.Race, g.Options.Seed, g.Options.Timeout)
	for _, l := range g.Labs {
		fmt.Fprintln(h, l.ID, l.HuntOf != nil)
	}
	for _, path := range paths {
		path, _ = filepath.Abs(path)
		fmt.Fprintln(h, path)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// contentKey is the same for the same files of the same submission and the same checks.
func (g *Grader) contentKey(s Submission, found []intake.Submission) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, s.Name)
	b := g.Builder()
	for _, f := range found {
		checks, err := b.ChecksSHA256(f.Lab)
		if err != nil {
			return "", err
		}
		if f.Lab.HuntOf != nil {
			variants, err := hunt.VariantsSHA256(f.Lab.HuntOf)
			if err != nil {
				return "", err
			}
			checks += " " + variants
		}
		fmt.Fprintln(h, f.Lab.ID, checks, f.Note)
		for _, file := range f.Lab.Files {
			fmt.Fprintf(h, "%s %d %x\n", file, len(f.Files[file]), sha256.Sum256(f.Files[file]))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
