// Package fleet runs several instances of a lab's service, each in a process of its own. They share
// nothing but what the check gives them, a store or a backend: what lies in a variable, however it
// is declared, is one instance's.
//
// An instance is the test binary, started again (package proc), so nothing has to be built where a
// check runs. It has neither the request of the check's process nor the pipe for its report. The
// lab's test file says what an instance serves:
//
//	func init() { fleet.Handle("instance", instance) }
//
//	func TestInstances(t *testing.T) {
//		for _, x := range fleet.Start(t, "instance", 2, "STORE="+url) {
//			err := x.Ask("/take", 3, &answer)
//			…
//		}
//	}
//
// Time is real there.
package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/proc"
)

// patience is for what takes milliseconds on an idle machine. It is less than a check has.
const patience = 10 * time.Second

// Handle serves what service makes, if this process has been started to be an instance of that
// name; otherwise it does nothing. Call it in an init function of the test file.
func Handle(name string, service func() (http.Handler, error)) {
	proc.Handle(name, func() int {
		if err := serve(service); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return 1
	})
}

const listening = "the instance listens on "

func serve(service func() (http.Handler, error)) error {
	h, err := service()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listening + l.Addr().String())
	return http.Serve(l, h)
}

// Instance is one process.
type Instance struct {
	URL string // without a slash at the end

	number int
	proc   *proc.Proc
	client *http.Client
}

// Start starts n instances and waits until they listen. Their environment is env, as in os.Environ,
// and nothing else. They end with the test.
func Start(t testing.TB, name string, n int, env ...string) []*Instance {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(client.CloseIdleConnections)
	var all []*Instance
	for i := range n {
		p := proc.Start(t, name, proc.Options{Env: env})
		all = append(all, &Instance{number: i + 1, proc: p, client: client})
	}
	for _, x := range all {
		x.URL = "http://" + x.proc.WaitLine(listening)
	}
	return all
}

// Ask posts a request in JSON and reads the answer, which is whatever the service's handler for
// that path answers; nil takes no notice of it. An error says which instance it is of, and what
// that has printed. Ask may be called from many goroutines.
func (x *Instance) Ask(path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	res, err := x.client.Post(x.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return x.silent(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return x.silent(err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("instance %d: %s", x.number, bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// silent says why there is no answer. An end that has cut a connection is known a moment later.
func (x *Instance) silent(err error) error {
	if exit, ended := x.proc.Wait(time.Second); ended {
		return fmt.Errorf("instance %d: its process has ended (%s). %s", x.number, exit.Status,
			x.proc.Output())
	}
	return fmt.Errorf("instance %d: %w", x.number, err)
}

// Reply is a handler for Ask: it answers a request of type In with what f makes of it. An error of
// f is one of Ask.
func Reply[In, Out any](f func(r *http.Request, in In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		err := json.NewDecoder(r.Body).Decode(&in)
		var out Out
		if err == nil {
			out, err = f(r, in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(out)
	}
}
