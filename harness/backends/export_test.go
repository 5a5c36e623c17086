package backends

import (
	"os"
	"path/filepath"
	"time"
)

// WithPrefixes is Options that look for programs in these folders, and not in the usual ones.
func (o Options) WithPrefixes(dirs ...string) Options {
	o.prefixes = append([]string{}, dirs...)
	return o
}

// WithPort is Options that take this port whenever a free one is needed.
func (o Options) WithPort(port int) Options {
	o.ports = func() (int, error) { return port, nil }
	return o
}

// WithPatience is Options that wait so long for a local Redis to answer.
func (o Options) WithPatience(d time.Duration) Options {
	o.patience = d
	return o
}

// AdminURL is the URL of the administrator of the Postgres that is up.
func AdminURL(o Options) string {
	st, err := newSite(o)
	if err != nil {
		return ""
	}
	defer st.close()
	if up := st.loadUp().Postgres; up != nil {
		return up.Admin
	}
	return ""
}

// Processes are the servers that are written down in the journals.
func Processes(o Options) (pids []int) {
	dir := filepath.Join(o.Dir, "run")
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		for _, e := range readJournal(filepath.Join(dir, f.Name())) {
			if e.Process != nil {
				pids = append(pids, e.Process.PID)
			}
		}
	}
	return pids
}

// EmbeddedVersion is the version that is downloaded.
const EmbeddedVersion = string(embeddedVersion)

// RememberPull notes why an image could not be pulled, as a command of these options has found out.
func (o Options) RememberPull(image, why string) error {
	st, err := newSite(o)
	if err != nil {
		return err
	}
	defer st.close()
	st.rememberPull(image, why)
	return nil
}

// MemoryFolder is where data lies in memory.
const MemoryFolder = memoryFolder

// HasMemory reports whether data would lie in memory.
func HasMemory(o Options) bool {
	st, err := newSite(o)
	if err != nil {
		return false
	}
	defer st.close()
	return st.memory() != ""
}
