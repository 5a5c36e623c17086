package batch

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Journal keeps the results of a batch as they come, a line of JSON each, so that one that was
// stopped can go on. A nil Journal keeps nothing.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	have map[string][]run.Result
	end  int64 // behind the last line that was written to its end
	err  error // the first that kept a line from being written
}

type journalLine struct {
	Key     string       `json:"key"`
	Results []run.Result `json:"results"`
}

// OpenJournal opens the journal of that name, with what it has if resume is set, else empty. A
// line that was not written to its end, as after a kill, is as if it had never been.
func OpenJournal(dir, name string, resume bool) (*Journal, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !resume {
		flags |= os.O_TRUNC
	}
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return nil, fault.Of("keep the results", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".jsonl"), flags, 0o644)
	if err != nil {
		return nil, fault.Of("keep the results", err)
	}
	j := &Journal{file: f, have: map[string][]run.Result{}}
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		var l journalLine
		if err != nil || json.Unmarshal(line, &l) != nil {
			break
		}
		j.end += int64(len(line))
		j.have[l.Key] = l.Results
	}
	if err := j.rewind(); err != nil {
		f.Close()
		return nil, fault.Of("keep the results", err)
	}
	return j, nil
}

// rewind goes to the end of the last whole line.
func (j *Journal) rewind() error {
	_, err := j.file.Seek(j.end, io.SeekStart)
	return errors.Join(j.file.Truncate(j.end), err)
}

func (j *Journal) find(key string) []run.Result {
	if j == nil || key == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.have[key]
}

// add keeps results. Where that fails, on a full disk, the batch goes on all the same: Err tells
// of it.
func (j *Journal) add(key string, results []run.Result) {
	if j == nil || key == "" {
		return
	}
	line, err := json.Marshal(journalLine{key, results})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.have[key] = results
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		j.err = errors.Join(j.err, err)
		j.rewind()
		return
	}
	j.end += int64(len(line)) + 1
}

// Err says what kept results from being kept, or is nil: they are not lost, but --resume will not
// find them.
func (j *Journal) Err() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return fault.Of("keep the results", j.err)
}

// Len is how many submissions it has the results of.
func (j *Journal) Len() int {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.have)
}

// Close closes the journal, which stays for a run that goes on with it.
func (j *Journal) Close() {
	if j != nil {
		j.file.Close()
	}
}

// Remove is for a batch that is done.
func (j *Journal) Remove() {
	if j != nil {
		j.file.Close()
		os.Remove(j.file.Name())
	}
}
