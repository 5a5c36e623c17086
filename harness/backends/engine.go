package backends

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
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

// answerLimit is how long an engine that is there may take to answer. On a busy machine that is
// long.
const answerLimit = 5 * time.Second

// engineOnce looks for the engine when it is first asked for. A second caller waits for the first
// one's answer.
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
	if why := st.hungEngine(); why != nil {
		return nil, why
	}
	waiting := time.AfterFunc(time.Second,
		func() { st.sayOnce("waiting for Docker, which does not answer") })
	defer waiting.Stop()
	e := &Error{
		Provider: Container, Kind: NoEngine, Text: "no Docker engine on this machine",
		Remedy: "start Docker (docker version shows whether it runs)",
	}
	var said []string
	for _, host := range docker.Hosts(st.Getenv) {
		cli, err := docker.Connect(ctx, host)
		if err == nil {
			found := &engine{cli, host}
			found.use()
			return found, nil
		}
		said = append(said, err.Error())
		why, ok := errors.AsType[*docker.Error](err)
		if ok && e.Err == nil {
			e.Err, e.Remedy = err, why.Remedy
		}
		if ok && why.Hangs() {
			st.rememberHang(host, why)
		}
	}
	if said != nil {
		e.Text = strings.Join(said, "; ")
	}
	return nil, e
}

// hangMemory is how long an engine that did not answer is not asked again by itself, where there is
// another provider.
const hangMemory = 2 * time.Minute

// hungEngine tells of the engine that a command has found hanging a short time ago: each would wait
// for it again.
func (st *site) hungEngine() *Error {
	hosts := docker.Hosts(st.Getenv)
	if st.Provider != Auto || len(hosts) == 0 {
		return nil
	}
	file := st.hangFile(hosts[0])
	info, err := os.Stat(file)
	if err != nil || time.Since(info.ModTime()) > hangMemory {
		return nil
	}
	text, _ := os.ReadFile(file)
	what, remedy, _ := strings.Cut(string(text), "\n")
	return &Error{Provider: Container, Kind: NoEngine, Text: what + " (asked a short time ago)",
		Remedy: remedy}
}

func (st *site) rememberHang(host string, why *docker.Error) {
	os.WriteFile(st.hangFile(host), []byte(why.Text+"\n"+why.Remedy), 0o644)
}

func (st *site) hangFile(host string) string {
	return filepath.Join(st.runDir(), "hangs-"+shortHash(host))
}

// use makes testcontainers use this engine, start no reaper and print nothing. It has to come
// before anything else that is done with testcontainers, which reads the environment of this
// process once, and only that.
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
	// Inside a container the engine's ports may be this network's, or those of the machine behind
	// the gateway.
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
