package backends

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// entry is one thing that must be removed if its owner cannot do so. One of the fields is set.
type entry struct {
	Dir       string         `json:"dir,omitempty"`       // a temporary folder
	Process   *owner.Process `json:"process,omitempty"`   // a server
	Name      string         `json:"name,omitempty"`      // its kind; with Process
	Container string         `json:"container,omitempty"` // an id
	// a logical database that was empty when it was leased
	RedisDB *redisDB `json:"redis_db,omitempty"`
}

// redisDB is a logical database of a server that somebody else runs. The server is a hash of its
// URL, which may hold a password.
type redisDB struct {
	Server string `json:"server"`
	Number int    `json:"number"`
	Free   bool   `json:"free,omitempty"` // it has been emptied and given back
}

// journal is the file in which a process writes down what it is about to bring about. It exists
// exactly while there may be something to remove. Entries are only ever added: what is gone when it
// is to be removed does no harm.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

const journalSuffix = ".journal"

func openJournal(dir string, whose owner.Process) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// Several Sets of one process each have a file of their own.
	f, err := os.CreateTemp(dir, owner.Machine()+"_"+whose.String()+"_*"+journalSuffix)
	if err != nil {
		return nil, err
	}
	return &journal{file: f}, nil
}

// add writes the entry before it returns: the caller brings the thing about afterwards, or removes
// it on an error.
func (j *journal) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// close removes the journal: everything in it is gone.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.file.Close()
	os.Remove(j.file.Name())
}

// readJournal reads what a dead owner has left, as far as it came to write it.
func readJournal(path string) []entry {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var entries []entry
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			entries = append(entries, e)
		}
	}
	return entries
}

// journalsOfDead lists the journals in dir whose owners have ended. Those of another machine, as in
// a home on a network drive, are that machine's business.
func journalsOfDead(dir string) []string {
	files, _ := os.ReadDir(dir)
	var dead []string
	for _, f := range files {
		parts := strings.Split(f.Name(), "_")
		if len(parts) == 3 && strings.HasSuffix(f.Name(), journalSuffix) &&
			owner.Orphan(parts[0], parts[1]) {
			dead = append(dead, filepath.Join(dir, f.Name()))
		}
	}
	return dead
}
