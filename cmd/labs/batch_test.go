package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/backend-labs/backend-labs/harness/run"
)

// TestJournal_interrupted has a line that was not written to its end, as after a kill -9: it is as if it had never been.
func TestJournal_interrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(resume bool) *journal {
		t.Helper()
		j, err := openJournal(dir, "batch", resume)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	add := func(j *journal, key string) {
		t.Helper()
		if err := j.add(key, []run.Result{{Lab: key, Verdict: run.Passed}}); err != nil {
			t.Fatal(err)
		}
	}
	j := open(true)
	add(j, "ann")
	add(j, "bob")
	j.close()
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
	j.close()
	if j = open(true); j.len() != 2 || j.find("cid")[0].Lab != "cid" {
		t.Errorf("got %v; want ann and cid", j.have)
	}
	j.close()
	if j = open(false); j.len() != 0 {
		t.Errorf("got %v; want nothing in a batch that begins", j.have)
	}
	j.remove()
	if _, err := os.Stat(file); err == nil {
		t.Error("the journal of a batch that is done is still there")
	}
}
