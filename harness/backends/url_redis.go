package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// remoteRedis leases logical databases of a server that somebody else runs. It takes only databases
// that are empty, and empties what it leased; it never touches another one.
//
// A lease is held by a connection with a telling name (CLIENT SETNAME), so it ends with its
// process, leaves no key behind, and is seen by every machine. There is no atomic "set the name if
// nobody has it"; so whoever has set it looks whether somebody else has it, too, and if so takes it
// off and tries again later. Of two that both kept the name, each has looked after setting it and
// seen no other, so each must have set it after the other had looked: impossible.
type remoteRedis struct {
	unwatched
	site    *site
	options redis.Options
	base    *url.URL
	server  string // a hash of the URL, for the journal
	version string
	numbers []int // the logical databases that exist

	ctx  context.Context
	stop func()
	mu   sync.Mutex
	out  map[*leasedDB]bool
	wg   sync.WaitGroup
}

type leasedDB struct {
	number int
	client *redis.Client
	conn   *redis.Conn // holds the name
}

// maxLogical is how many logical databases are looked for: as many as a Redis has by default.
const maxLogical = 16

func (st *site) openURLRedis(ctx context.Context) (source, *Error) {
	raw := st.Getenv(RedisURLVar)
	if raw == "" {
		return nil, unset(Redis, RedisURLVar)
	}
	base, err1 := url.Parse(raw)
	options, err2 := redis.ParseURL(raw)
	if err1 != nil || err2 != nil || base.Host == "" {
		return nil, badURL(Redis, RedisURLVar, "redis://user:password@host:6379/0")
	}
	if st.Apart {
		return nil, &Error{
			Backend: Redis, Provider: URL, Kind: NotAllowed,
			Text: fmt.Sprintf(
				"submissions would reach each other's data in the Redis at %s (%s): each needs "+
					"a server of its own", base.Host, RedisURLVar),
			Remedy: "unset " + RedisURLVar + ", and start Docker or " + installRedis,
		}
	}
	r := &remoteRedis{site: st, options: *options, base: base, server: shortHash(raw),
		out: map[*leasedDB]bool{}}
	r.options.ClientName = clientName
	r.ctx, r.stop = context.WithCancel(context.Background())
	limited, cancel := st.bounded(ctx, 10*time.Second)
	defer cancel()
	if err := r.look(limited); err != nil {
		return nil, unreachable(Redis, RedisURLVar, base.Host, err)
	}
	return r, nil
}

// look finds out which databases there are, and that one of them can be used.
func (r *remoteRedis) look(ctx context.Context) error {
	c := redisClient(r.options)
	defer c.Close()
	var err error
	if r.version, err = redisInfo(ctx, c, "server", "redis_version"); err != nil {
		return err
	}
	empty, err := r.count(ctx, c)
	if err != nil || empty > 0 {
		return err
	}
	if held, err := r.held(ctx, c); err != nil || len(held) > 0 {
		return err // in use by other commands of labs: it will be free again
	}
	return &Error{
		Backend: Redis, Provider: URL, Kind: NotAllowed,
		Text: fmt.Sprintf("every database of the Redis at %s (%s) holds keys, and labs takes "+
			"only empty ones", r.base.Host, RedisURLVar),
		Remedy: "give labs a Redis of its own, or empty one of its databases",
	}
}

// count fills in which databases there are: the one that the URL names, or all of them if it names
// none or number 0.
func (r *remoteRedis) count(ctx context.Context, c *redis.Client) (empty int, err error) {
	conn := c.Conn()
	defer conn.Close()
	for n := range maxLogical {
		if r.options.DB > 0 && n != r.options.DB {
			continue
		}
		if conn.Select(ctx, n).Err() != nil {
			break
		}
		r.numbers = append(r.numbers, n)
		size, err := conn.DBSize(ctx).Result()
		if err != nil {
			return 0, err
		}
		if size == 0 {
			empty++
		}
	}
	if len(r.numbers) == 0 { // SELECT is not allowed
		r.numbers, empty = []int{r.options.DB}, 1
	}
	return empty, nil
}

func (r *remoteRedis) info() Info {
	detail := r.base.Host
	if len(r.numbers) == 1 {
		detail += ", which has one database only: checks that need Redis run one after the other"
	}
	return Info{Provider: URL, Version: r.version, Detail: detail}
}

// take tries the databases in turn until it gets one. Others may be waiting for them, too, so it
// tries at random times.
func (r *remoteRedis) take(ctx context.Context) (string, func(), error) {
	done := r.site.slowly("waiting for a free database of the Redis at %s", r.base.Host)
	defer done()
	pause, cut := 10, 0
	for {
		for _, i := range rand.Perm(len(r.numbers)) {
			db, err := r.lease(ctx, r.numbers[i])
			if cut++; err != nil && (cut > 20 || !wasCut(err)) {
				return "", nil, err
			}
			if err == nil {
				cut = 0
			}
			if db != nil {
				return r.lend(db)
			}
		}
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-r.ctx.Done():
			return "", nil, errClosed
		case <-time.After(time.Duration(5+rand.IntN(pause)) * time.Millisecond):
			pause = min(2*pause, 100)
		}
	}
}

// wasCut tells whether a connection broke that had been there. Whoever gives back the database may
// have cut it off, as for a moment it cannot be told from one of a check.
func wasCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}

func (r *remoteRedis) lend(db *leasedDB) (string, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		r.giveUp(db)
		return "", nil, errClosed
	}
	r.out[db] = true
	u := *r.base
	query := u.Query()
	query.Del("db")
	u.RawQuery = query.Encode()
	u.Path = "/" + strconv.Itoa(db.number)
	return u.String(), func() { r.giveBack(db) }, nil
}

func (r *remoteRedis) giveBack(db *leasedDB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out[db] {
		delete(r.out, db)
		r.wg.Go(func() { r.giveUp(db) })
	}
}

// lease gives nil if the database is held by somebody or holds somebody's keys.
func (r *remoteRedis) lease(ctx context.Context, number int) (*leasedDB, error) {
	options := r.options
	options.DB = number
	db := &leasedDB{number: number, client: redisClient(options)}
	db.conn = db.client.Conn()
	got, err := r.hold(ctx, db)
	if err == nil && got {
		var size int64
		if size, err = db.conn.DBSize(ctx).Result(); err == nil && size == 0 {
			err = r.site.journal.add(entry{RedisDB: &redisDB{r.server, number, false}})
			if err == nil {
				return db, nil
			}
		}
	}
	db.conn.Close()
	db.client.Close()
	return nil, err
}

// hold takes the name of the database, unless somebody has it.
func (r *remoteRedis) hold(ctx context.Context, db *leasedDB) (bool, error) {
	name := leaseName(db.number)
	if held, err := r.held(ctx, db.conn); err != nil || held[name] > 0 {
		return false, err
	}
	if err := setName(ctx, db.conn, name); err != nil {
		return false, err
	}
	held, err := r.held(ctx, db.conn)
	return held[name] == 1, err
}

// clientName is the name of every connection that this package makes to a shared server, and begins
// those of the ones that hold a lease.
const clientName = "backend-labs"

func leaseName(number int) string { return fmt.Sprintf(clientName+"-db-%d", number) }

func setName(ctx context.Context, c *redis.Conn, name string) error {
	return c.ClientSetName(ctx, name).Err()
}

// held counts the connections by name, of those that hold a lease.
func (r *remoteRedis) held(ctx context.Context, c interface {
	ClientList(context.Context) *redis.StringCmd
}) (map[string]int, error) {
	list, err := c.ClientList(ctx).Result()
	if err != nil {
		return nil, err
	}
	held := map[string]int{}
	for field := range strings.FieldsSeq(list) {
		if name, ok := strings.CutPrefix(field, "name="); ok &&
			strings.HasPrefix(name, clientName+"-db-") {
			held[name]++
		}
	}
	return held, nil
}

// giveUp empties the database, cuts off who is still in it, and lets go of it.
func (r *remoteRedis) giveUp(db *leasedDB) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r.cutOff(ctx, db)
	if err := db.conn.FlushDB(ctx).Err(); err != nil {
		// The check has killed the connection that holds the lease: empty the database before
		// somebody else looks.
		db.client.FlushDB(ctx)
	}
	r.site.journal.add(entry{RedisDB: &redisDB{r.server, db.number, true}})
	db.conn.Close()
	db.client.Close()
}

// cutOff kills the connections that use the database, but for those of labs: the one that holds it,
// and those of others who want it, which have a name from their first command on.
func (r *remoteRedis) cutOff(ctx context.Context, db *leasedDB) {
	list, err := db.conn.ClientList(ctx).Result()
	if err != nil {
		return
	}
	for line := range strings.Lines(list) {
		fields := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			k, v, _ := strings.Cut(field, "=")
			fields[k] = v
		}
		if fields["db"] == strconv.Itoa(db.number) && fields["cmd"] != "NULL" &&
			!strings.HasPrefix(fields["name"], clientName) {
			db.conn.Do(ctx, "CLIENT", "KILL", "ID", fields["id"])
		}
	}
}

func (r *remoteRedis) close() {
	r.stop()
	r.mu.Lock()
	out := maps.Clone(r.out)
	clear(r.out)
	r.mu.Unlock()
	for db := range out {
		r.wg.Go(func() { r.giveUp(db) })
	}
	r.wg.Wait()
}

// sweepRedisDB empties a database that a dead process had leased, unless somebody holds it now.
func (st *site) sweepRedisDB(ctx context.Context, left redisDB) error {
	raw := st.Getenv(RedisURLVar)
	if shortHash(raw) != left.Server {
		return nil // another server now: nobody knows how to reach that one
	}
	options, err := redis.ParseURL(raw)
	if err != nil {
		return err
	}
	options.DB = left.Number
	options.ClientName = clientName
	r := &remoteRedis{site: st, options: *options, server: left.Server}
	db := &leasedDB{number: left.Number, client: redisClient(*options)}
	db.conn = db.client.Conn()
	got, err := r.hold(ctx, db)
	if got {
		r.giveUp(db)
		return nil
	}
	return errors.Join(err, db.conn.Close(), db.client.Close())
}
