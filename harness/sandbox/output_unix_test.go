//go:build unix

package sandbox_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestNone_lateReader is about a machine so busy that nobody comes to read for a second after the
// command has ended: what it has written last says why it did.
func TestNone_lateReader(t *testing.T) {
	var out bytes.Buffer
	w := slowly{&out}
	exit, err := sandbox.None{}.Run(t.Context(), sandbox.Command{Path: "/bin/sh",
		Args:   []string{"-c", "echo begins; head -c 60000 /dev/zero | tr '\\0' .; echo ends; exit 66"},
		Output: w, MaxOutput: 1 << 20, Timeout: 10 * time.Second, Grace: time.Second})
	if err != nil || exit.Code != 66 || !strings.HasSuffix(out.String(), ".ends\n") {
		t.Errorf("got %v, exit code %d and %d bytes, want 66 and all that was written", err, exit.Code, out.Len())
	}
}

// slowly takes its time over each write.
type slowly struct{ w *bytes.Buffer }

func (s slowly) Write(p []byte) (int, error) {
	time.Sleep(600 * time.Millisecond)
	return s.w.Write(p)
}
