package coherence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// This file is given. You may change it, but need not.

// entry is a value of an id, with its version.
type entry struct {
	val     string
	version int64
}

// shared is what the instances have in common: the second tier, and a bus on which each of them can be heard. Without
// an answer of Redis its methods, but for listen, return an error within 40 ms, and what they were to do may have been
// done.
type shared interface {
	// look returns what the second tier holds of id, if it holds anything.
	look(ctx context.Context, id string) (e entry, held bool, err error)
	// put stores e for ttl, whatever is held. A ttl of 0 or less means for ever.
	put(ctx context.Context, id string, e entry, ttl time.Duration) error
	// putNewer is put, unless a newer version is held. It returns what is held in the end.
	putNewer(ctx context.Context, id string, e entry, ttl time.Duration) (entry, error)
	// forget removes what is held of id.
	forget(ctx context.Context, id string) error
	// tell sends e to all who listen at this moment. They may hear it late, in another order, or never.
	tell(ctx context.Context, id string, e entry) error
	// listen calls subscribed each time that it has begun to listen, also after an interruption, and heard for each e
	// that was told. It calls them one after the other. When ctx ends it returns its error, within half a second.
	listen(ctx context.Context, subscribed func(), heard func(id string, e entry)) error
}

const (
	patience = 40 * time.Millisecond  // with a command
	silence  = 300 * time.Millisecond // after which the bus is asked whether it is there
	pause    = 100 * time.Millisecond // before the next attempt to subscribe
	channel  = "coherence"
	digits   = 20 // of a version: as texts of one length they are ordered as the numbers are
)

var errSilent = errors.New("no answer on the bus")

var putNewer = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 20) > string.sub(ARGV[1], 1, 20) then return held end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
return ARGV[1]
`)

// inRedis is shared, in Redis.
type inRedis struct{ rdb redis.UniversalClient }

func (r inRedis) look(ctx context.Context, id string) (entry, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := r.rdb.Get(ctx, key(id)).Result()
	if errors.Is(err, redis.Nil) {
		return entry{}, false, nil
	}
	if err != nil {
		return entry{}, false, err
	}
	e, err := decode(text)
	return e, err == nil, err
}

func (r inRedis) put(ctx context.Context, id string, e entry, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.rdb.Set(ctx, key(id), encode(e), max(ttl, 0)).Err()
}

func (r inRedis) putNewer(ctx context.Context, id string, e entry, ttl time.Duration) (entry, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := putNewer.Run(ctx, r.rdb, []string{key(id)}, encode(e), ttl.Milliseconds()).Text()
	if err != nil {
		return entry{}, err
	}
	return decode(text)
}

func (r inRedis) forget(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.rdb.Del(ctx, key(id)).Err()
}

func (r inRedis) tell(ctx context.Context, id string, e entry) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.rdb.Publish(ctx, channel, fmt.Sprintf("%0*d%s%s", digits, len(id), id, encode(e))).Err()
}

func (r inRedis) listen(ctx context.Context, subscribed func(), heard func(id string, e entry)) error {
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
func (r inRedis) subscribe(ctx context.Context, subscribed func(), heard func(id string, e entry)) error {
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
			if id, e, err := decodeTold(m.Payload); err == nil {
				heard(id, e)
			}
		}
	}
	return ctx.Err()
}

func key(id string) string { return "entry:" + id }

func encode(e entry) string { return fmt.Sprintf("%0*d%s", digits, e.version, e.val) }

func decode(text string) (entry, error) {
	if len(text) < digits {
		return entry{}, fmt.Errorf("not an entry: %q", text)
	}
	version, err := strconv.ParseInt(text[:digits], 10, 64)
	return entry{val: text[digits:], version: version}, err
}

func decodeTold(text string) (id string, e entry, err error) {
	if len(text) < digits {
		return "", entry{}, fmt.Errorf("not a message: %q", text)
	}
	n, err := strconv.Atoi(text[:digits])
	if err != nil || n > len(text)-digits {
		return "", entry{}, fmt.Errorf("not a message: %q", text)
	}
	id = text[digits : digits+n]
	e, err = decode(text[digits+n:])
	return id, e, err
}
