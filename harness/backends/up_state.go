package backends

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/owner"
)

// The files of "labs up" in Dir: one for every reader, which package account describes, and one for
// this package, which holds an administrator's password.
const (
	upFile      = "up.json"
	upStateFile = "backends.json"
)

// upState is what "labs up" has left running.
type upState struct {
	Redis    *upRedis    `json:"redis,omitempty"`
	Postgres *upPostgres `json:"postgres,omitempty"`
}

// upServer is what is to be removed one day, and what to say about it.
type upServer struct {
	Info
	Process   *owner.Process `json:"process,omitempty"`
	Dir       string         `json:"dir,omitempty"`
	Container string         `json:"container,omitempty"`
}

type upRedis struct {
	upServer
	URL string `json:"url"` // for a plain go test
	// of the server there; a container's may have been restarted by a test
	RunID string       `json:"run_id"`
	Slots []*redisSlot `json:"slots,omitempty"` // of a container: for leases
}

type upPostgres struct {
	upServer
	URL   string `json:"url"`   // for a plain go test
	Admin string `json:"admin"` // for leases
}

func (st *site) loadUp() *upState {
	var u upState
	data, err := os.ReadFile(filepath.Join(st.Dir, upStateFile))
	if err != nil || json.Unmarshal(data, &u) != nil {
		return &upState{}
	}
	return &u
}

// knows tells whether the entry is something that is up, and so is not to be swept.
func (u *upState) knows(e entry) bool {
	return u.Redis != nil && u.Redis.is(e) || u.Postgres != nil && u.Postgres.is(e)
}

func (s *upServer) is(e entry) bool {
	switch {
	case e.Process != nil:
		return s.Process != nil && *s.Process == *e.Process
	case e.Dir != "":
		return s.Dir == e.Dir
	}
	return e.Container != "" && s.Container == e.Container
}

// saveUp writes both files, or removes them if nothing is up. A reader sees the old or the new
// state, never half of one.
func (st *site) saveUp(u *upState) error {
	plain := account.Up{}
	if u.Redis != nil {
		plain.Redis, plain.RedisReal = u.Redis.URL, true
	}
	if u.Postgres != nil {
		plain.Postgres = u.Postgres.URL
	}
	if u.Redis == nil && u.Postgres == nil {
		os.Remove(filepath.Join(st.Dir, upFile))
		return os.RemoveAll(filepath.Join(st.Dir, upStateFile))
	}
	if err := writeJSON(filepath.Join(st.Dir, upStateFile), u); err != nil {
		return err
	}
	return writeJSON(filepath.Join(st.Dir, upFile), plain)
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if err2 := temp.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// fits tells whether what is up may be used by a command that asks for this provider.
func (st *site) fits(i Info, urlVariable string) bool {
	return st.Provider == i.Provider || st.Provider == Auto && st.Getenv(urlVariable) == ""
}

const upped = "left running by labs up"

// uppedPostgres makes its databases in the server that is up, if it answers.
func (st *site) uppedPostgres(ctx context.Context) source {
	up := st.loadUp().Postgres
	if up == nil || !st.fits(up.Info, PostgresURLVar) {
		return nil
	}
	base, err := url.Parse(up.Admin)
	if err != nil {
		return nil
	}
	r, err := st.connectPostgres(ctx, base, shared, up.Provider)
	if err != nil {
		return nil
	}
	r.detail = up.Detail + ", " + upped
	return r
}

// uppedRedis leases the servers in the container that is up, if they answer. A local redis-server
// that is up is for a plain go test alone: leases get one of their own, which is as quick.
func (st *site) uppedRedis(ctx context.Context) source {
	up := st.loadUp().Redis
	if up == nil || !st.fits(up.Info, RedisURLVar) {
		return nil
	}
	if up.Provider == Local {
		if src, err := st.openLocalRedis(ctx); err == nil {
			return src
		}
		return nil
	}
	if len(up.Slots) == 0 || !answersRedis(ctx, up.Slots[0].Addr, "") {
		return nil
	}
	e, missing := st.engine(ctx)
	if missing != nil {
		return nil
	}
	return newSharedRedis(st, &box{st, e, up.Container}, up)
}

// answersRedis tells whether a Redis answers at addr, and if runID is given, whether it is that
// one.
func answersRedis(ctx context.Context, addr, runID string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c := redisClient(redis.Options{Addr: addr})
	defer c.Close()
	id, err := redisInfo(ctx, c, "server", "run_id")
	return err == nil && (runID == "" || runID == id)
}
