package policy

import "slices"

// defaultImports are the packages that every lab may use: those that compute, and those whose
// effects the sandbox bounds. A lab's "imports" adds to them. Not among them are, on purpose:
// unsafe, syscall, os, os/exec, plugin, testing, flag, embed, runtime/debug, and whatever else
// reaches the process as such.
var defaultImports = set(
	"bufio", "bytes", "cmp", "context", "errors", "fmt", "io", "iter", "log", "log/slog", "maps",
	"slices", "sort",
	"strconv", "strings", "sync", "sync/atomic", "time", "unicode", "unicode/utf16", "unicode/utf8",
	"unique", "regexp",
	"container/heap", "container/list", "container/ring", "index/suffixarray", "text/tabwriter",
	"text/template",
	"math", "math/big", "math/bits", "math/cmplx", "math/rand", "math/rand/v2",
	"hash", "hash/adler32", "hash/crc32", "hash/crc64", "hash/fnv", "hash/maphash",
	"crypto", "crypto/aes", "crypto/cipher", "crypto/ecdh", "crypto/ecdsa", "crypto/ed25519",
	"crypto/elliptic",
	"crypto/hkdf", "crypto/hmac", "crypto/md5", "crypto/pbkdf2", "crypto/rand", "crypto/rsa",
	"crypto/sha1",
	"crypto/sha256", "crypto/sha3", "crypto/sha512", "crypto/subtle", "crypto/tls", "crypto/x509",
	"encoding", "encoding/gob", "encoding/base32", "encoding/base64", "encoding/binary",
	"encoding/csv", "encoding/hex",
	"encoding/json", "encoding/pem", "encoding/xml", "compress/flate", "compress/gzip",
	"html", "html/template", "mime", "mime/multipart", "mime/quotedprintable",
	"net", "net/http", "net/http/httptrace", "net/http/httputil", "net/netip", "net/textproto",
	"net/url",
	"io/fs", "path", "runtime",
	"golang.org/x/sync/errgroup", "golang.org/x/sync/semaphore", "golang.org/x/sync/singleflight",
	"golang.org/x/time/rate",
)

// names are the names of a package that a submission may use, or may not.
type names struct {
	only   []string // if not nil: these alone
	except []string // else: all but these
	why    string
}

func (n names) allows(name string) bool {
	if n.only != nil {
		return slices.Contains(n.only, name)
	}
	return !slices.Contains(n.except, name)
}

// partly are the packages of which some names are not allowed, whoever allows the package.
var partly = map[string]names{
	"os": {
		only: []string{
			"Signal", "Interrupt", "Getenv", "LookupEnv", "Environ", "Hostname",
			"ErrNotExist", "ErrExist", "ErrPermission", "ErrClosed", "ErrDeadlineExceeded",
			"IsNotExist", "IsExist",
			"Open", "OpenFile", "Create", "CreateTemp", "MkdirTemp", "TempDir", "ReadFile",
			"WriteFile", "Remove", "RemoveAll",
			"Rename", "Mkdir", "MkdirAll", "Stat", "Lstat", "ReadDir", "Truncate", "File",
			"FileInfo", "FileMode", "DirEntry", "PathError",
			"O_RDONLY", "O_WRONLY", "O_RDWR", "O_APPEND", "O_CREATE", "O_EXCL", "O_SYNC", "O_TRUNC",
			"Stdout", "Stderr",
		},
		why: "a lab does not end its process, look at its arguments or open descriptors by number",
	},
	"syscall": {
		only: []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "Signal"},
		why:  "only the names of signals are allowed: everything else speaks to the kernel directly",
	},
	"runtime": {
		only: []string{"GOMAXPROCS", "Gosched", "NumCPU", "NumGoroutine", "KeepAlive", "Error",
			"MemStats", "ReadMemStats", "GC", "Version", "GOOS", "GOARCH", "AddCleanup", "Cleanup"},
		why: "only names that cannot change how the process runs are allowed",
	},
	"reflect": {
		except: []string{"NewAt", "SliceAt", "SliceHeader", "StringHeader"},
		why:    "it makes Go values of addresses",
	},
	"sync/atomic": {
		except: []string{"LoadPointer", "StorePointer", "SwapPointer", "CompareAndSwapPointer",
			"AndUintptr", "OrUintptr"},
		why: "it works on unsafe pointers: use atomic.Pointer",
	},
	"log": {
		except: []string{"Fatal", "Fatalf", "Fatalln"},
		why:    "it ends the process; a server must not end because of one call: return the error",
	},
	"net": {
		except: []string{"FileConn", "FileListener", "FilePacketConn"},
		why:    "it makes connections of descriptors by number",
	},
}

// methods are names that are not allowed on any value: they give or take an unsafe.Pointer, which
// Go converts to a pointer of any type, and whose type it infers, without an import of unsafe.
var methods = set("UnsafePointer", "UnsafeAddr", "UnsafeStringData", "UnsafeSliceData",
	"SetPointer")

func set(paths ...string) map[string]bool {
	m := make(map[string]bool, len(paths))
	for _, p := range paths {
		m[p] = true
	}
	return m
}
