package compile

import (
	"bytes"
	"context"
	"crypto/rand"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
)

// beginning is how long the package-level initialisers of a family may take. Those of an honest one
// take milliseconds.
const beginning = 30 * time.Second

// stderr is where a process would report that is asked for nothing.
const stderr = 2

// begins reports whether a family's binary comes as far as to look for the variant that it is asked
// for, and has left nothing in disorder until then: the initialisers of all variants run in each of
// its processes, and one that panics, exits or registers a name twice would be the failure of all.
func begins(ctx context.Context, binary string) bool {
	ctx, cancel := context.WithTimeout(ctx, beginning)
	defer cancel()
	key, variant := account.NewKey(), rand.Text()
	request, err := account.Encode(&key, account.Request{Variant: variant, ReportFD: stderr,
		Without: account.Without{Table: true}})
	if err != nil {
		return false
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Dir = filepath.Dir(binary)
	// In the machine's own folder for temporary files others make some meanwhile.
	cmd.Env = []string{"TMPDIR=" + cmd.Dir, "TMP=" + cmd.Dir, "GORACE=atexit_sleep_ms=0"}
	cmd.Stdin, cmd.WaitDelay = bytes.NewReader(request), drain
	endTogether(cmd)
	said, _ := cmd.CombinedOutput()
	return strings.HasSuffix(string(said), "no variant \""+variant+"\"\n")
}
