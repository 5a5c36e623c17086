package backends

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/backend-labs/backend-labs/harness/docker"
)

// engine is a Docker engine that answers.
type engine struct {
	cli  *client.Client
	host string // unix:///var/run/docker.sock
}

// answerLimit is how long an engine that is there may take to answer. On a busy machine that is long.
const answerLimit = 5 * time.Second

// engineOnce looks for the engine when it is first asked for. A second caller waits for the first one's answer.
func (st *site) engineOnce() func(context.Context) (*engine, *Error) {
	var once sync.Once
	var found *engine
	var missing *Error
	return func(ctx context.Context) (*engine, *Error) {
		once.Do(func() {
			found, missing = st.findEngine(ctx)
			st.found.Store(found)
		})
		return found, missing
	}
}

func (st *site) findEngine(ctx context.Context) (*engine, *Error) {
	hosts := docker.Hosts(st.Getenv)
	var said []string
	for _, host := range hosts {
		cli, err := docker.Connect(ctx, host)
		if err == nil {
			e := &engine{cli, host}
			e.use()
			return e, nil
		}
		said = append(said, fmt.Sprintf("%s: %s", host, reason(err)))
	}
	e := &Error{
		Provider: Container, Kind: NoEngine, Text: "no Docker engine answers",
		Remedy: "start Docker (docker version shows whether it runs)",
	}
	if said != nil {
		e.Text += " at " + strings.Join(said, ", ")
	} else {
		e.Text = "no Docker engine on this machine"
	}
	return nil, e
}

// use makes testcontainers use this engine, start no reaper and print nothing. It has to come before anything else that
// is done with testcontainers, which reads the environment of this process once, and only that.
func (e *engine) use() {
	useOnce.Do(func() {
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
		os.Setenv("DOCKER_HOST", e.host)
		tclog.SetDefault(tclog.NewNoopLogger())
	})
}

var useOnce sync.Once

// addresses are where a published port of a container may be reached, the likeliest first.
func (e *engine) addresses(st *site, gateways []string) []string {
	if host := st.Getenv("TESTCONTAINERS_HOST_OVERRIDE"); host != "" {
		return []string{host}
	}
	if u, err := url.Parse(e.host); err == nil && u.Scheme == "tcp" {
		return []string{u.Hostname()}
	}
	// Inside a container the engine's ports may be this network's, or those of the machine behind the gateway.
	if inContainer() {
		return append([]string{"127.0.0.1"}, gateways...)
	}
	return []string{"127.0.0.1"}
}

// publishesHere tells whether the engine's ports are known to be those of this machine.
func (e *engine) publishesHere(st *site) bool {
	switch st.Getenv("TESTCONTAINERS_HOST_OVERRIDE") {
	case "":
		return !strings.HasPrefix(e.host, "tcp:") && !inContainer()
	case "localhost", "127.0.0.1":
		return true
	}
	return false
}

func inContainer() bool {
	_, err := os.Stat("/.dockerenv")
	return err == nil
}
