package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// inSandbox gives the address under which a process without network finds a backend, and the bridge
// that leads there. A backend on the loopback interface keeps its address; any other is given one.
func inSandbox(address string, port int) (inside string, b sandbox.Bridge, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return "", b, errors.New("the address of a backend is not a URL with a port")
	}
	outside := u.Host
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || ip.To4() == nil {
		u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	}
	b = sandbox.Bridge{Inside: u.Host, Direct: u.Host == outside, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", outside)
	}}
	return u.String(), b, nil
}

// bridge puts the process's backends behind bridges, if its sandbox has no network.
func (p *Process) bridge() ([]sandbox.Bridge, error) {
	if p.Sandbox.Name() == "none" {
		return nil, nil
	}
	var bridges []sandbox.Bridge
	for i, address := range []*string{&p.Redis, &p.Postgres} {
		if *address == "" {
			continue
		}
		inside, b, err := inSandbox(*address, 6379+i)
		if err != nil {
			return nil, err
		}
		*address = inside
		bridges = append(bridges, b)
	}
	return bridges, nil
}
