package coherence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// held is what Redis holds of an id: a value, or a tombstone, which says that everything below its version is gone.
type held struct {
	version int64
	val     string
	gone    bool
}

const (
	patience = 40 * time.Millisecond
	silence  = 250 * time.Millisecond
	pause    = 150 * time.Millisecond
	channel  = "buried"
)

var errSilent = errors.New("no answer on the bus")

// bury puts a tombstone in place of whatever is older.
var bury = redis.NewScript(`
local version = redis.call('HGET', KEYS[1], 'version')
if version and version >= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

// fill puts a value in place of whatever is not newer.
var fill = redis.NewScript(`
local version = redis.call('HGET', KEYS[1], 'version')
if version and version > ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'val', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

type remote struct{ rdb redis.UniversalClient }

// look returns what Redis holds; ok says whether it could be asked.
func (r remote) look(ctx context.Context, id string) (h held, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fields, err := r.rdb.HGetAll(ctx, "id:"+id).Result()
	if err != nil {
		return held{}, false
	}
	h.version, _ = strconv.ParseInt(fields["version"], 10, 64)
	val, there := fields["val"]
	h.val, h.gone = val, !there
	return h, true
}

func (r remote) fill(ctx context.Context, id string, h held, ttl time.Duration) {
	if ttl < time.Millisecond {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fill.Run(ctx, r.rdb, []string{"id:" + id}, ordered(h.version), h.val, ttl.Milliseconds())
}

// bury has everybody forget what is older than version. One message is all that others get to know.
func (r remote) bury(ctx context.Context, id string, version int64, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := bury.Run(ctx, r.rdb, []string{"id:" + id}, ordered(version), ttl.Milliseconds()).Err()
	if err != nil {
		return err
	}
	return r.rdb.Publish(ctx, channel, ordered(version)+" "+id).Err()
}

// ordered is a version as a text that is ordered as versions are.
func ordered(version int64) string { return fmt.Sprintf("%020d", version) }

func (r remote) listen(ctx context.Context, subscribed func(), heard func(id string, version int64)) error {
	for ctx.Err() == nil {
		r.subscribe(ctx, subscribed, heard) // whatever it was, try again
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// subscribe listens until something goes wrong. A connection that breaks says so; one that has gone silent does not, so
// it is asked.
func (r remote) subscribe(ctx context.Context, subscribed func(), heard func(id string, version int64)) error {
	sub := r.rdb.Subscribe(ctx, channel)
	defer sub.Close()
	asked := false
	for ctx.Err() == nil {
		received, err := sub.ReceiveTimeout(ctx, silence)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && !asked:
			asked = true
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			continue
		case errors.As(err, &timeout) && timeout.Timeout():
			return errSilent
		case err != nil:
			return err
		}
		asked = false
		switch m := received.(type) {
		case *redis.Subscription:
			subscribed()
		case *redis.Message:
			text, id, _ := strings.Cut(m.Payload, " ")
			if version, err := strconv.ParseInt(text, 10, 64); err == nil {
				heard(id, version)
			}
		}
	}
	return ctx.Err()
}
