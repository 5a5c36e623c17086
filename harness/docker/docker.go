// Package docker finds the Docker engine of a machine. It is for the two who start containers:
// backends and sandbox.
package docker

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

const (
	// dialLimit is how long a connection to an engine may take: there is one at once, or there is
	// none.
	dialLimit = 600 * time.Millisecond
	// answerLimit is how long an engine that is there may take to answer. On a busy machine that is
	// long.
	answerLimit = 5 * time.Second
)

// Hosts lists where an engine may be, as URLs such as unix:///var/run/docker.sock, the likeliest
// first. DOCKER_HOST stands alone, if it is set: whoever sets it means it. getenv looks variables
// up, as os.Getenv does.
func Hosts(getenv func(string) string) []string {
	if host := getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	home, _ := os.UserHomeDir()
	if host := testcontainersHost(filepath.Join(home, ".testcontainers.properties")); host != "" {
		return []string{host}
	}
	if host := chosen(filepath.Join(home, ".docker"), getenv("DOCKER_CONTEXT")); host != "" {
		return []string{host}
	}
	if runtime.GOOS == "windows" {
		return []string{"npipe:////./pipe/docker_engine"}
	}
	var hosts []string
	for _, path := range []string{
		"/var/run/docker.sock", filepath.Join(getenv("XDG_RUNTIME_DIR"), "docker.sock"),
		filepath.Join(home, ".docker/run/docker.sock"),
		filepath.Join(home, ".docker/desktop/docker.sock"),
	} {
		if _, err := os.Stat(path); err == nil && filepath.IsAbs(path) {
			hosts = append(hosts, "unix://"+path)
		}
	}
	return hosts
}

// testcontainersHost is what testcontainers would prefer to anything else.
func testcontainersHost(properties string) string {
	f, err := os.Open(properties)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		if strings.TrimSpace(key) == "tc.host" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// chosen is the engine of a context, by default the one that "docker context use" has chosen, as
// with Colima or Rancher Desktop; "" is none in particular.
func chosen(config, name string) string {
	if name == "" {
		var c struct{ CurrentContext string }
		data, _ := os.ReadFile(filepath.Join(config, "config.json"))
		json.Unmarshal(data, &c)
		name = c.CurrentContext
	}
	if name == "" || name == "default" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints struct{ Docker struct{ Host string } }
	}
	data, _ := os.ReadFile(filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]),
		"meta.json"))
	json.Unmarshal(data, &meta)
	return meta.Endpoints.Docker.Host
}

// Connect connects to the engine at a host, if one answers there, and that at once. The error is an
// [*Error], or ctx's.
func Connect(ctx context.Context, host string) (*client.Client, error) {
	return connectWithin(ctx, host, answerLimit)
}

func connectWithin(ctx context.Context, host string, limit time.Duration) (*client.Client, error) {
	if why := remembered(host); why != nil {
		return nil, why
	}
	cli, err := connect(ctx, host, limit)
	switch {
	case err == nil:
		return cli, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	why := explain(host, err, limit)
	if why.Hangs() {
		hung.Store(host, hangs{time.Now(), why})
	}
	return nil, why
}

func connect(ctx context.Context, host string, limit time.Duration) (*client.Client, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "unix" || u.Scheme == "tcp" {
		addr := u.Path
		if u.Scheme == "tcp" {
			addr = u.Host
		}
		conn, err := (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, u.Scheme, addr)
		if err != nil {
			return nil, err
		}
		conn.Close()
	}
	cli, err := client.New(client.FromEnv, client.WithHost(host))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		cli.Close()
		return nil, err
	}
	return cli, nil
}
