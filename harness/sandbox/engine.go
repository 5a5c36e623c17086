package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/backend-labs/backend-labs/harness/docker"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// engine is a Docker engine that answers and has the image.
type engine struct {
	cli  *client.Client
	arch string // its processor, as GOARCH
}

const (
	// containerImage is what containers are made of: folders to mount to, and nothing in them.
	containerImage = "backend-labs/sandbox:1"
	// containerLabel marks the containers.
	containerLabel = "org.backend-labs.sandbox"
	// abandonedAfter is the age of a container that is not running and not about to.
	abandonedAfter = 2 * time.Minute
)

// connect finds the engine when it is first asked for, and makes it ready.
func (b *Container) connect(ctx context.Context) (*engine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engine != nil {
		return b.engine, nil
	}
	e, err := findEngine(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.haveImage(ctx); err != nil {
		e.cli.Close()
		return nil, err
	}
	e.sweep(ctx)
	b.engine = e
	return e, nil
}

func findEngine(ctx context.Context) (*engine, error) {
	var missing error = ErrNoEngine
	for _, host := range docker.Hosts(os.Getenv) {
		cli, err := docker.Connect(ctx, host)
		if err == nil {
			var e *engine
			if e, err = usable(ctx, cli); err == nil {
				return e, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		missing = noEngine{host, err}
	}
	return nil, missing
}

// noEngine says why there is none at a host.
type noEngine struct {
	host string
	err  error
}

func (e noEngine) Error() string {
	if _, ok := errors.AsType[*docker.Error](e.err); ok {
		return e.err.Error()
	}
	return ErrNoEngine.Error() + " at " + e.host + ": " + e.err.Error()
}

// Hint says what to do.
func (e noEngine) Hint() string {
	return fault.HintOf(e.err,
		"start Docker, with containers of Linux")
}

func (e noEngine) Unwrap() []error { return []error{ErrNoEngine, e.err} }

// usable makes an engine of a connection, if its containers are of Linux.
func usable(ctx context.Context, cli *client.Client) (*engine, error) {
	v, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err == nil && v.Os != "linux" {
		err = fmt.Errorf("its containers are of %s", v.Os)
	}
	if err != nil {
		cli.Close()
		return nil, err
	}
	return &engine{cli, v.Arch}, nil
}

// haveImage makes the image, once: nothing is pulled.
func (e *engine) haveImage(ctx context.Context) error {
	_, err := e.cli.ImageInspect(ctx, containerImage)
	if !errdefs.IsNotFound(err) {
		return err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	dirs := []tar.Header{{Name: "box/", Mode: 0o755}, {Name: "box/dev/", Mode: 0o755},
		{Name: "box/tmp/", Mode: 0o1777}}
	for _, dir := range dirs {
		dir.Typeflag = tar.TypeDir
		if err := w.WriteHeader(&dir); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	from := client.ImageImportSource{Source: &files, SourceName: "-"}
	answer, err := e.cli.ImageImport(ctx, from, containerImage, client.ImageImportOptions{})
	if err == nil {
		_, err = io.Copy(io.Discard, answer)
		answer.Close()
	}
	if err == nil {
		_, err = e.cli.ImageInspect(ctx, containerImage)
	}
	if err != nil {
		return fmt.Errorf("make the image %s: %w", containerImage, err)
	}
	return nil
}

// sweep removes the containers of commands that were killed before they could start them. Those
// that were started have ended with their command, and the engine has removed them.
func (e *engine) sweep(ctx context.Context) {
	idle := client.Filters{}.Add("label", containerLabel).Add("status", "created", "exited", "dead")
	list, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: idle})
	if err != nil {
		return
	}
	for _, c := range list.Items {
		if time.Since(time.Unix(c.Created, 0)) > abandonedAfter {
			e.cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true,
				RemoveVolumes: true})
		}
	}
}
