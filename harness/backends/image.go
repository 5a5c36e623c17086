package backends

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// The images, unless the environment names others.
const (
	RedisImageVar    = "LABS_REDIS_IMAGE"
	PostgresImageVar = "LABS_POSTGRES_IMAGE"

	defaultRedisImage    = "redis:7.4.2-alpine"
	defaultPostgresImage = "postgres:17.5-alpine"
)

const (
	// pullStall is how long a pull may go without a sign of life.
	pullStall = 20 * time.Second
	// pullMemory is how long a pull that failed is not tried again by itself, where there is
	// another provider.
	pullMemory = time.Hour
)

func (st *site) image(variable, otherwise string) string {
	if image := st.Getenv(variable); image != "" {
		return image
	}
	return otherwise
}

// haveImage makes sure that the engine has the image. testcontainers would try to pull it for a
// quarter of an hour.
func (st *site) haveImage(ctx context.Context, e *engine, backend, variable, image string) *Error {
	present, err := e.has(ctx, image)
	if present {
		return nil
	}
	if err == nil {
		if before := st.failedPull(image); before != "" {
			return noImage(backend, variable, image, before)
		}
		if err = st.pull(ctx, e, image); err == nil {
			return nil
		}
	}
	if ctx.Err() != nil || diskFull(err) {
		return asError(backend, Container, err)
	}
	why := pullReason(err)
	st.rememberPull(image, why)
	return noImage(backend, variable, image, why)
}

func noImage(backend, variable, image, why string) *Error {
	return &Error{
		Backend: backend, Provider: Container, Kind: NoImage,
		Text: fmt.Sprintf("no image %s here, and %s", image, why),
		Remedy: fmt.Sprintf("docker pull %s, or set %s to an image that docker images lists", image,
			variable),
	}
}

// pullReasons are what engines and registries say, and what it means.
var pullReasons = []struct {
	said *regexp.Regexp
	why  string
}{
	{
		regexp.MustCompile(`(?i)no such host|dial tcp|i/o timeout|connection refused|unreachable|Client\.Timeout|deadline exceeded|proxyconnect|no such file|server misbehaving`),
		"no registry to pull it from",
	},
	{regexp.MustCompile(`(?i)toomanyrequests|rate limit`), "the registry allows no more pulls for now"},
	{regexp.MustCompile(`(?i)manifest unknown|not found|does not exist|denied|unauthorized`), "the registry does not give it to you"},
	{regexp.MustCompile(`(?i)nothing for `), "the registry has stopped answering"},
	{regexp.MustCompile(`(?i)x509|tls|certificate`), "the registry's certificate is not accepted"},
}

// pullReason says shortly why an image could not be pulled, instead of the chain of words that the
// engine has for it.
func pullReason(err error) string {
	for _, r := range pullReasons {
		if r.said.MatchString(err.Error()) {
			return r.why
		}
	}
	return "it cannot be pulled: " + oneLine(reason(err))
}

func (e *engine) has(ctx context.Context, image string) (bool, error) {
	_, err := e.cli.ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// pull fails at the engine's first error, or when nothing has moved for a while.
func (st *site) pull(ctx context.Context, e *engine, image string) error {
	asked := st.after(2*time.Second, "asking for the image %s in its registry", image)
	defer asked()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(pullStall, func() { cancel(fmt.Errorf("nothing for %v", pullStall)) })
	defer stalled.Stop()
	options := client.ImagePullOptions{}
	if _, auth, err := testcontainers.DockerImageAuth(ctx, image); err == nil {
		options.RegistryAuth, _ = authconfig.Encode(auth)
	}
	answer, err := e.cli.ImagePull(ctx, image, options)
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer answer.Close()
	layers := map[string]float64{}
	var said time.Time // the pull is under way, as soon as the registry says anything
	for m, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if m.Error != nil {
			return m.Error
		}
		stalled.Reset(pullStall)
		asked()
		if m.Progress != nil && m.Progress.Total > 0 && strings.HasPrefix(m.Status, "Downloading") {
			layers[m.ID] = float64(m.Progress.Current) / 1e6
		}
		switch loaded := sumOf(layers); {
		case said.IsZero():
			st.say("pulling the image %s, once", image)
			said = time.Now()
		case time.Since(said) > 2*time.Second && loaded > 0:
			st.say("pulling the image %s: %.0f MB", image, loaded)
			said = time.Now()
		}
	}
	return nil
}

func sumOf(m map[string]float64) (sum float64) {
	for _, v := range m {
		sum += v
	}
	return sum
}

// failedPull tells why a recent pull failed, so that each command on a machine without a network
// does not try again. Whoever asks for containers by name wants it tried.
func (st *site) failedPull(image string) string {
	file := st.pullFile(image)
	info, err := os.Stat(file)
	if err != nil || st.Provider != Auto || time.Since(info.ModTime()) > pullMemory {
		return ""
	}
	why, _ := os.ReadFile(file)
	return string(why)
}

func (st *site) rememberPull(image, why string) {
	os.WriteFile(st.pullFile(image), []byte(why), 0o644)
}

func (st *site) pullFile(image string) string {
	return filepath.Join(st.runDir(), "no-image-"+shortHash(image))
}
