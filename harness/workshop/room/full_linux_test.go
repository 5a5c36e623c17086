package room

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/backend-labs/backend-labs/harness/workshop/room/roomtest"
)

// TestStore_killed kills a process that hands in again and again: what it was told is stored is there, whole and queued,
// and nothing else.
func TestStore_killed(t *testing.T) {
	roomtest.Each(t, func(t *testing.T, url string) {
		s, _, _ := made(t, url)
		joined(t, s, "Ada")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ROOM_TEST_HANDS_IN="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told := 0
		for b := make([]byte, 1); told < 25; told++ {
			if _, err := out.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		all, err := s.Submissions(t.Context(), 0, "")
		if err != nil || len(all) < told {
			t.Fatalf("%d are stored of at least %d, %v", len(all), told, err)
		}
		for _, sub := range all {
			if files, err := s.Files(t.Context(), sub.ID); err != nil || len(files["adder.go"]) == 0 {
				t.Errorf("submission %d has the files %v, %v", sub.ID, files, err)
			}
		}
		queued, err := s.Audit(t.Context(), 1000) // the child's enqueue leaves a line for each
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range queued {
			if e.Did == "queued" {
				n++
			}
		}
		if n != len(all) {
			t.Errorf("%d are stored and %d queued", len(all), n)
		}
	})
}

// TestStore_fullDisk hands in until the disk is full: each is stored as a whole or refused, and there is room again once
// there is room.
func TestStore_fullDisk(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() != 0 || syscall.Mount("none", dir, "tmpfs", 0, "size=2m") != nil {
		t.Skip("nothing can be mounted here")
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	s, _, _ := made(t, "sqlite:"+filepath.Join(dir, "room.db"))
	ada, _ := joined(t, s, "Ada")
	q := &queued{}
	var full error
	stored := 0
	for i := 0; full == nil && i < 1000; i++ {
		_, _, err := s.Submit(t.Context(), ada.ID, "B01", map[string][]byte{"adder.go": noise(i, 100<<10)}, q.put)
		if full = err; err == nil {
			stored++
		}
	}
	if full == nil || !strings.Contains(full.Error(), "full") {
		t.Fatalf("the disk was never full, or it is not said: %v", full)
	}
	all, err := s.Submissions(t.Context(), 0, "")
	if err != nil || len(all) != stored {
		t.Fatalf("%d are stored, %d were taken: %v", len(all), stored, err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Submit(t.Context(), ada.ID, "B01", files("small"), q.put); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if _, _, err := s.Submit(t.Context(), ada.ID, "Z99", files("small"), q.put); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// noise is text that cannot be compressed, the same for the same seed.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}
