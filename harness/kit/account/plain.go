package account

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// plain is what a check run by a bare "go test" or by an editor's debugger goes by.
var plain = sync.OnceValue(func() Request {
	r := Request{Seed: rand.Uint64() | 1, Redis: os.Getenv("LABS_REDIS_URL"),
		Postgres: os.Getenv("LABS_POSTGRES_URL")}
	if n, err := strconv.ParseUint(os.Getenv("LABS_SEED"), 10, 64); err == nil && n != 0 {
		r.Seed = n
	}
	r.RedisReal = r.Redis != ""
	if up, ok := readUp(); ok {
		if r.Redis == "" {
			r.Redis, r.RedisReal = up.Redis, up.RedisReal
		}
		if r.Postgres == "" {
			r.Postgres = up.Postgres
		}
	}
	return r
})

// Up is the part of the state of "labs up" that a plain go test needs. It lies in UpFile below the
// course's root.
type Up struct {
	Redis     string `json:"redis,omitempty"`
	RedisReal bool   `json:"redis_real,omitempty"`
	Postgres  string `json:"postgres,omitempty"`
}

// UpFile is where "labs up" leaves an [Up], relative to the root of the course.
const UpFile = ".labs/up.json"

// readUp looks for the state file in the current folder and those above it: go test runs a test in
// its own folder.
func readUp() (Up, bool) {
	dir, err := os.Getwd()
	if err != nil {
		return Up{}, false
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(UpFile)))
		if err == nil {
			var up Up
			return up, json.Unmarshal(data, &up) == nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return Up{}, false
		}
		dir = parent
	}
}
