package backends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// Every container is labelled with whose it is, so that it can be found when nobody has written
// down its id.
const (
	labelDir     = "org.backend-labs.dir"     // a hash of the state folder
	labelMachine = "org.backend-labs.machine" // where the process id means something
	labelProcess = "org.backend-labs.process" // the process that started it
	labelSet     = "org.backend-labs.set"     // the Set in that process
	labelUp      = "org.backend-labs.up"      // it is to stay: "labs up" started it
)

// box is a running container.
type box struct {
	site   *site
	engine *engine
	id     string
}

func (st *site) labels() map[string]string {
	l := map[string]string{labelDir: shortHash(st.Dir), labelMachine: owner.Machine(),
		labelProcess: st.self.String(), labelSet: st.id}
	if st.up {
		l[labelUp] = "true"
	}
	return l
}

// customise holds what all containers have in common: the labels, ports that only this machine can
// reach unless they must be reached from another one, and no waiting, as it is done here and
// differently.
func (st *site) customise(e *engine, ports ...string) []testcontainers.ContainerCustomizer {
	return []testcontainers.ContainerCustomizer{
		testcontainers.WithLabels(st.labels()),
		testcontainers.WithWaitStrategy(atOnce{}),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) {
			c.LogConfig = container.LogConfig{Type: "json-file",
				Config: map[string]string{"max-size": "8m", "max-file": "1"}}
			if e.publishesHere(st) {
				c.PortBindings = loopback(ports)
			}
		}),
	}
}

// loopback publishes ports on 127.0.0.1 alone.
func loopback(ports []string) network.PortMap {
	m := network.PortMap{}
	for _, p := range ports {
		m[network.MustParsePort(p)] = []network.PortBinding{{HostIP: netip.MustParseAddr(
			"127.0.0.1")}}
	}
	return m
}

type atOnce struct{}

func (atOnce) WaitUntilReady(context.Context, wait.StrategyTarget) error { return nil }

// started takes over what a module of testcontainers returned: after an error it removes the
// container, if there is one.
func (st *site) started(e *engine, c testcontainers.Container, err error) (*box, error) {
	var b *box
	if id := containerID(c); id != "" {
		b = &box{st, e, id}
		err = errors.Join(err, st.journal.add(entry{Container: id}))
	}
	if err != nil {
		b.remove()
		return nil, err
	}
	return b, nil
}

// containerID copes with a nil pointer in the interface.
func containerID(c testcontainers.Container) (id string) {
	defer func() { recover() }()
	return c.GetContainerID()
}

// address waits until ping succeeds at one of the addresses where the port may be reached, and
// returns that one. It fails as soon as the container has ended.
func (b *box) address(ctx context.Context, port string,
	ping func(ctx context.Context, host string, port int) error) (host string, number int,
	err error) {
	var hosts []string
	for {
		info, inspectErr := b.engine.cli.ContainerInspect(ctx, b.id,
			client.ContainerInspectOptions{})
		if inspectErr != nil {
			return "", 0, errors.Join(inspectErr, err)
		}
		if !info.Container.State.Running {
			return "", 0, fmt.Errorf("%w: %s", errGaveUp, worstLine(b.output(ctx)))
		}
		if number = published(info.Container.NetworkSettings.Ports, port); number > 0 &&
			hosts == nil {
			hosts = b.engine.addresses(b.site, gateways(info.Container.NetworkSettings.Networks))
		}
		for _, host := range hosts {
			if err = ping(ctx, host, number); err == nil {
				return host, number, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", 0, errors.Join(ctx.Err(), err)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func published(ports network.PortMap, port string) int {
	for p, bindings := range ports {
		if p.String() == port && len(bindings) > 0 {
			number, _ := strconv.Atoi(bindings[0].HostPort)
			return number
		}
	}
	return 0
}

func gateways(networks map[string]*network.EndpointSettings) (list []string) {
	for _, n := range networks {
		if n.Gateway.IsValid() {
			list = append(list, n.Gateway.String())
		}
	}
	return list
}

// reachablePort is the ping of a server of which nothing more is to be known.
func reachablePort(ctx context.Context, host string, port int) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp",
		net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

// output is the end of what the container has printed.
func (b *box) output(ctx context.Context) string {
	logs, err := b.engine.cli.ContainerLogs(ctx, b.id,
		client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "50"})
	if err != nil {
		return ""
	}
	defer logs.Close()
	var out strings.Builder
	stdcopy.StdCopy(&out, &out, logs)
	return out.String()
}

// exec runs a command in the container and waits for its end, however it ends.
func (b *box) exec(ctx context.Context, argv ...string) error {
	created, err := b.engine.cli.ExecCreate(ctx, b.id, client.ExecCreateOptions{Cmd: argv})
	if err != nil {
		return err
	}
	if _, err := b.engine.cli.ExecStart(ctx, created.ID,
		client.ExecStartOptions{Detach: true}); err != nil {
		return err
	}
	for {
		state, err := b.engine.cli.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
		if err != nil || !state.Running {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// remove kills the container and removes it with its volumes. It also works when the Set is
// closing.
func (b *box) remove() error {
	if b == nil {
		return nil
	}
	return b.engine.removeContainer(context.Background(), b.id)
}

func (e *engine) removeContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := e.cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true,
		RemoveVolumes: true})
	for errdefs.IsConflict(err) { // somebody else is at it
		if _, inspect := e.cli.ContainerInspect(ctx, id,
			client.ContainerInspectOptions{}); errdefs.IsNotFound(inspect) {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
		_, err = e.cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true,
			RemoveVolumes: true})
	}
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// labelled lists the containers that carry all these labels.
func (e *engine) labelled(ctx context.Context, labels map[string]string) ([]container.Summary,
	error) {
	filters := client.Filters{}
	for k, v := range labels {
		filters = filters.Add("label", k+"="+v)
	}
	list, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	return list.Items, err
}

// removeContainers removes every container of this Set, known or not: a start that was interrupted
// may have made one without saying so.
func (st *site) removeContainers() {
	e := st.used.Load()
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	list, _ := e.labelled(ctx, map[string]string{labelSet: st.id})
	var wg sync.WaitGroup
	for _, c := range list {
		wg.Go(func() { e.removeContainer(ctx, c.ID) })
	}
	wg.Wait()
}

// explainContainer says why a container is not to be had.
func explainContainer(backend string, err error) *Error {
	text := err.Error()
	e := asError(backend, Container, err)
	if e.Err != err {
		return e
	}
	switch {
	case saysDiskFull(text):
		e.Kind, e.Text = DiskFull, "the disk is full: Docker has no room for "+backend
		e.Remedy = "make room for Docker: docker system df, docker system prune"
	case saysPortTaken(text):
		e.Kind, e.Text = PortTaken, "Docker cannot publish a port for "+backend+
			": another program has it"
		e.Remedy = "run the command again: Docker takes another port each time"
	case errors.Is(err, errGaveUp):
		e.Kind, e.Text = NoStart, backend+" does not start in its container: "+
			strings.TrimPrefix(text, errGaveUp.Error()+": ")
		e.Remedy = "is it the right image? see LABS_" + strings.ToUpper(backend) + "_IMAGE"
	}
	return e
}
