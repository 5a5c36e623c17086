package account_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
)

func init() { helpers["talkative"] = talkative }

// talkative makes this test binary send many lines on descriptor 3 while it talks to itself over a
// socket and collects garbage all the time.
func talkative() {
	debug.SetGCPercent(1)
	var k account.Key
	var there, here net.Conn
	buf := make([]byte, 1)
	err := account.Send(3, k, 3000, func() {
		if there == nil {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			if there, err = net.Dial("tcp", l.Addr().String()); err != nil {
				panic(err)
			}
			if here, err = l.Accept(); err != nil {
				panic(err)
			}
			runtime.KeepAlive(l)
		}
		there.Write(buf)
		here.Read(buf)
	})
	if err != nil {
		panic(err)
	}
}

// TestPipe_besidesTheNetwork is about the runtime's poller: the thread with a table of its own takes
// part in garbage collection, which looks for what the network has ready.
func TestPipe_besidesTheNetwork(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"=talkative")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var k account.Key
	next := uint64(0)
	for lines := bufio.NewScanner(r); lines.Scan(); next++ {
		if n, _, ok := k.Open(lines.Bytes()); !ok || n != next {
			t.Fatalf("got the line %q, want number %d", lines.Text(), next)
		}
	}
	if err := cmd.Wait(); err != nil || next != 3000 {
		t.Errorf("got %d lines, %v, want 3000", next, err)
	}
}
