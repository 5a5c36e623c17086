package vredis

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// TestMiniature_dialsLate closes a miniature while clients still dial in the background, under the race detector.
func TestMiniature_dialsLate(t *testing.T) {
	for range 100 {
		m := newMiniature()
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				if conn, err := m.dial(t.Context(), "tcp", ""); err == nil {
					conn.Close()
				} else if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		}
		m.close()
		clients.Wait()
		if _, err := m.dial(t.Context(), "tcp", ""); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after its end: got %v, want %v", err, net.ErrClosed)
		}
	}
}
