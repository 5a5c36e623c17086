package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var joinForm = regexp.MustCompile(`labs join (\S+) (\S+) --name`)

// cmdServe is "serve ARG...": a workshop that goes on beside the script, at the address of the last one if there was
// one. $URL and $CODE say how to join it; unserve kills it.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	addr := "127.0.0.1:0"
	if at, ok := strings.CutPrefix(ts.Getenv("URL"), "http://"); ok {
		addr = at
	}
	name := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "labs")); err == nil {
			name = filepath.Join(dir, "labs")
			break
		}
	}
	cmd := exec.Command(name, append([]string{"workshop", "--addr", addr}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOTOOLCHAIN", "GOENV"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	said := &lines{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := make(chan bool)
	stop := func(sig os.Signal) {
		cmd.Process.Signal(sig)
		<-ended
	}
	found := make(chan []string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := joinForm.FindStringSubmatch(lines.Text()); m != nil {
				found <- m
			}
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
	}()
	ts.Defer(func() { stop(os.Interrupt) })
	select {
	case m := <-found:
		ts.Setenv("URL", m[1])
		ts.Setenv("ADDR", strings.TrimPrefix(m[1], "http://"))
		ts.Setenv("CODE", m[2])
		served[ts] = stop
		told[ts] = said
	case <-ended:
		ts.Fatalf("the workshop ended: %s", said.String())
	case <-time.After(time.Minute):
		ts.Fatalf("a minute later the workshop is not served")
	}
}

// served has how to stop the workshop of a script.
var served = map[*testscript.TestScript]func(os.Signal){}

// told has what the workshop of a script says on its standard error.
var told = map[*testscript.TestScript]*lines{}

// lines is a text that is written by one goroutine and read by another.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// cmdServed is "served TEXT": the workshop says that on its standard error before long.
func cmdServed(ts *testscript.TestScript, neg bool, args []string) {
	for range 100 {
		if strings.Contains(told[ts].String(), args[0]) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the workshop has not said %q: %s", args[0], told[ts])
}

// cmdUnserve is "unserve": the workshop is killed.
func cmdUnserve(ts *testscript.TestScript, neg bool, args []string) {
	served[ts](os.Kill)
}
