package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/term"
)

// A hunt is repeated after a save, also after one that does not compile, until it is ended.
func TestHunt_Watch(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	root := filepath.Dir(filepath.Dir(l.Dir))
	if err := os.MkdirAll(filepath.Dir(l.HuntPath()), 0o755); err != nil {
		t.Fatal(err)
	}
	save := func(body string) {
		t.Helper()
		writeFile(t, l.HuntPath(), "package adder_test\n\nimport (\n\t\"testing\"\n\n\tadder "+
			"\"github.com/backend-labs/backend-labs/labs/b01-adder\"\n)\n\n"+
			"func TestIt(t *testing.T) {\n\t"+body+"\n}\n")
	}
	save("adder.Add(1, 2)")
	out, notes := new(lockedBuffer), new(lockedBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		a := newApp(&term.Streams{In: strings.NewReader(""), Out: out, Err: notes, Columns: 80})
		code <- execute(ctx, a, []string{"--course", root, "hunt", "b01", "--watch"})
	}()
	out.await(t, "0 of 2 wrong answers caught")
	save("if adder.Add(1, 2) != 3 {\n\t\tt.Error(1)\n\t")
	notes.await(t, "hunt_test.go:13: expected '}', found 'EOF'")
	save("if adder.Add(100, 200) != 300 {\n\t\tt.Error(1)\n\t}")
	out.await(t, "2 of 2 wrong answers caught")
	cancel()
	if got := <-code; got != exitPassed {
		t.Errorf("got exit code %d, want %d\n%s", got, exitPassed, notes)
	}
}
