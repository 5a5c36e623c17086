package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	// embeddedVersion is the Postgres that is downloaded: of the same line as the default image.
	embeddedVersion = embeddedpostgres.V17
	// embeddedMirrorVar names another Maven repository to download from.
	embeddedMirrorVar = "LABS_EMBEDDED_POSTGRES_REPOSITORY"
	mavenCentral      = "https://repo1.maven.org/maven2"
)

// openEmbeddedPostgres runs downloaded binaries. The library embedded-postgres fetches and unpacks
// them, once; how they are run is the same as with local ones, so that the server ends with this
// process, is never root, and starts from the cached data folder.
func (st *site) openEmbeddedPostgres(ctx context.Context) (source, *Error) {
	bin, err := st.embeddedBinaries(ctx)
	if err != nil {
		return nil, asError(Postgres, Embedded, err)
	}
	l, err := st.runPostgres(ctx, bin, Embedded)
	if err != nil {
		return nil, asError(Postgres, Embedded, err)
	}
	return l, nil
}

// embeddedHome is where the binaries are or will be unpacked, out of reach for nobody who runs
// servers.
func (st *site) embeddedHome() (string, error) {
	as, err := serverUser()
	if err != nil {
		return "", err
	}
	cache, err := st.cacheDir(as)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "embedded-postgres", string(embeddedVersion)), nil
}

func (st *site) embeddedBinaries(ctx context.Context) (bin string, err error) {
	home, err := st.embeddedHome()
	if err != nil {
		return "", err
	}
	bin = filepath.Join(home, "bin")
	if complete(bin) {
		return bin, nil
	}
	mirror := st.mirror()
	st.say("downloading Postgres %s from %s, once", embeddedVersion, mirror)
	if err := reachable(ctx, mirror); err != nil {
		return "", noDownload(mirror, err)
	}
	if err := fetch(ctx, home, mirror); err != nil {
		return "", noDownload(mirror, err)
	}
	return bin, nil
}

func (st *site) mirror() string {
	if m := strings.TrimSuffix(st.Getenv(embeddedMirrorVar), "/"); m != "" {
		return m
	}
	return mavenCentral
}

// reachable asks the repository for anything at all: the library itself waits without limit.
func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// fetch downloads and unpacks into home, completely or not at all.
//
// The library cannot fetch without starting a server, and its way of starting one is not ours. So
// its server is given a data folder that is none, which makes its start end at once, after the
// binaries have been unpacked.
func fetch(ctx context.Context, home, mirror string) error {
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return err
	}
	forgetFetches(filepath.Dir(home), time.Now().Add(-time.Hour))
	work, err := os.MkdirTemp(filepath.Dir(home), fetchPrefix)
	if err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(embeddedVersion), ".")
	none := filepath.Join(work, "none")
	unpacked := filepath.Join(work, "unpacked")
	if err := errors.Join(os.Mkdir(none, 0o700), os.WriteFile(filepath.Join(none, "PG_VERSION"),
		[]byte(major), 0o600)); err != nil {
		os.RemoveAll(work)
		return err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(embeddedVersion).BinaryRepositoryURL(mirror).Port(0).Logger(io.Discard).
		CachePath(filepath.Join(work, "archive")).RuntimePath(filepath.Join(work, "run")).
		DataPath(none).BinariesPath(unpacked))
	ended := make(chan error, 1)
	go func() { ended <- library.Start() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		// It cannot be stopped, and panics if its files vanish: they are removed by a later fetch.
		return ctx.Err()
	}
	defer os.RemoveAll(work)
	if !complete(filepath.Join(unpacked, "bin")) {
		return err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if err := os.Rename(unpacked, home); err != nil && !complete(filepath.Join(home, "bin")) {
		return err // and not because another command was quicker
	}
	return nil
}

const fetchPrefix = "fetching-"

// forgetFetches removes what earlier fetches left behind, and the log files that the library never
// removes.
func forgetFetches(dir string, before time.Time) {
	for dir, prefix := range map[string]string{dir: fetchPrefix,
		os.TempDir(): "embedded_postgres_log"} {
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			info, err := f.Info()
			if err == nil && strings.HasPrefix(f.Name(), prefix) && info.ModTime().Before(before) {
				os.RemoveAll(filepath.Join(dir, f.Name()))
			}
		}
	}
}

func noDownload(mirror string, err error) error {
	if diskFull(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return &Error{
		Backend: Postgres, Provider: Embedded, Kind: NoDownload, Err: err,
		Text:   fmt.Sprintf("Postgres cannot be downloaded from %s: %s", mirror, reason(err)),
		Remedy: installPostgres + ", or set " + embeddedMirrorVar + " to a mirror of Maven Central",
	}
}
