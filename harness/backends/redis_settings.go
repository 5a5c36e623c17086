package backends

// redisMemory is how much data a server that labs starts holds, and redisAddressSpace, in bytes,
// all the memory that one may ask its system for: scripts and answers that nobody reads are not
// data.
const (
	redisMemory       = "256mb"
	redisAddressSpace = 1 << 30
)

// redisFile is how long a file of a server may be, in bytes: its log, into which a script may write
// whatever it likes, and what SHUTDOWN saves.
const redisFile = 32 << 20

// redisWithout are the commands that the servers of labs do not have, as those of most who rent out
// a Redis: with them a client reaches other servers from where this one stands, loads code, writes
// files, or lifts the limits.
var redisWithout = []string{
	"REPLICAOF", "SLAVEOF", "MIGRATE", "CLUSTER", "MODULE", "DEBUG", "CONFIG", "SAVE", "BGSAVE",
	"BGREWRITEAOF",
}

// redisSettings are the arguments for the servers that labs starts. They keep nothing on disk.
// https://redis.io/docs/latest/operate/oss_and_stack/management/security/
func redisSettings() []string {
	args := []string{
		"--save", "", "--appendonly", "no", "--maxmemory", redisMemory,
		"--client-output-buffer-limit", "normal", "64mb", "64mb", "0",
	}
	for _, command := range redisWithout {
		args = append(args, "--rename-command", command, "")
	}
	return args
}
