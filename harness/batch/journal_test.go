package batch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/backend-labs/backend-labs/harness/run"
)

// TestJournal_interrupted has a line that was not written to its end, as after a kill -9: it is as
// if it had never been.
func TestJournal_interrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(resume bool) *Journal {
		t.Helper()
		j, err := OpenJournal(dir, "batch", resume)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	add := func(j *Journal, key string) {
		t.Helper()
		j.add(key, []run.Result{{Lab: key, Verdict: run.Passed}})
		if err := j.Err(); err != nil {
			t.Fatal(err)
		}
	}
	j := open(true)
	add(j, "ann")
	add(j, "bob")
	j.Close()
	file := filepath.Join(dir, "batch.jsonl")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data[:len(data)-10], 0o644); err != nil {
		t.Fatal(err)
	}

	j = open(true)
	if j.find("ann") == nil || j.find("bob") != nil {
		t.Errorf("got %v; want ann alone", j.have)
	}
	add(j, "cid")
	j.Close()
	if j = open(true); j.Len() != 2 || j.find("cid")[0].Lab != "cid" {
		t.Errorf("got %v; want ann and cid", j.have)
	}
	j.Close()
	if j = open(false); j.Len() != 0 {
		t.Errorf("got %v; want nothing in a batch that begins", j.have)
	}
	j.Remove()
	if _, err := os.Stat(file); err == nil {
		t.Error("the journal of a batch that is done is still there")
	}
}
