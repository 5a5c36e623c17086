package intake_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/intake"
)

// TestGiven: what is sent by name is held to the rules of an archive.
func TestGiven(t *testing.T) {
	t.Parallel()
	lab := &course.Lab{ID: "B10", Slug: "b10-token-bucket", Files: []string{"bucket.go"}}
	large := bytes.Repeat([]byte("x"), intake.MaxFile+1)
	for name, c := range map[string]struct {
		files map[string][]byte
		ok    bool
	}{
		"its file":          {map[string][]byte{"bucket.go": []byte("package b")}, true},
		"with its folder":   {map[string][]byte{"labs/b10-token-bucket/bucket.go": nil}, true},
		"others beside it":  {map[string][]byte{"bucket.go": nil, "notes.txt": large}, true},
		"nothing":           {nil, false},
		"other files alone": {map[string][]byte{"bucket_test.go": nil}, false},
		"too large":         {map[string][]byte{"bucket.go": large}, false},
		"out of the folder": {map[string][]byte{"bucket.go": nil, "../bucket.go": nil}, false},
		"twice":             {map[string][]byte{"bucket.go": nil, "labs/b10-token-bucket/bucket.go": nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := intake.Given(lab, c.files)
			var rejected *intake.Rejection
			if c.ok && (err != nil || len(got.Files) != 1) || !c.ok && !errors.As(err, &rejected) {
				t.Errorf("got %v, %v", got.Files, err)
			}
		})
	}
}
