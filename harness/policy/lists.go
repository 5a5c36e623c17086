package policy

import (
	"cmp"
	"go/types"
	"slices"
)

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
	whys   map[string]string // of except: those that have a reason of their own
}

// because says why a name is not allowed.
func (n names) because(name string) string {
	return cmp.Or(n.whys[name], n.why)
}

func (n names) allows(name string) bool {
	if n.only != nil {
		return slices.Contains(n.only, name)
	}
	return !slices.Contains(n.except, name)
}

// What several packages have in common.
const (
	whyShared     = "the checks run in the same process and would get it, too"
	whyInput      = "the standard input is not the submission's to read"
	whyDescriptor = "it reaches descriptors by their numbers"
	whyPool       = "use the pool that you are given, as it is: the checks watch its connections, and cut them off"
	whyClient     = "use the client that you are given, as it is: the checks slow it down, cut it off and count by it"
)

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
			"Stdout", "Stderr", "Root",
		},
		why: "a lab does not end its process, look at its arguments or open descriptors by number",
	},
	"os/signal": {
		only: []string{"Notify", "NotifyContext", "Stop"},
		why:  "it changes what a signal does to the whole process",
	},
	"syscall": {
		only: []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "Signal"},
		why:  "only the names of signals are allowed: everything else speaks to the kernel directly",
	},
	"runtime": {
		only: []string{"Gosched", "NumCPU", "NumGoroutine", "KeepAlive", "Error", "GC", "Version", "GOOS", "GOARCH"},
		why:  "only names that cannot change how the process runs, and do not tell how it was built, are allowed",
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
	"testing": {
		only: []string{"T", "TB", "AllocsPerRun"},
		why:  "it reaches how tests are run",
	},
	"fmt": {except: []string{"Scan", "Scanf", "Scanln"}, why: whyInput},
	"log": {
		except: []string{"Fatal", "Fatalf", "Fatalln", "Default", "SetOutput", "SetFlags",
			"SetPrefix", "Writer", "Output"},
		whys: map[string]string{"Fatal": whyEnds, "Fatalf": whyEnds, "Fatalln": whyEnds},
		why:  "the logger behind it is the checks' as well: make your own by log.New",
	},
	"log/slog": {
		except: []string{"SetDefault", "SetLogLoggerLevel"},
		why:    "the logger behind it is the checks' as well: make your own by slog.New",
	},
	"net": {
		except: []string{"FileConn", "FileListener", "FilePacketConn", "DialUnix", "ListenUnix",
			"ListenUnixgram", "UnixConn", "UnixListener", "UnixAddr", "ResolveUnixAddr"},
		why: whyDescriptor,
	},
	"net/http": {
		except: []string{"Handle", "HandleFunc", "DefaultServeMux", "ServerContextKey"},
		why:    "it leads to the checks' own mux or server: make your own, by http.NewServeMux",
	},
	"crypto": {except: []string{"RegisterHash"}, why: whyShared},
	"crypto/elliptic": {
		only: []string{"P224", "P256", "P384", "P521", "Curve"},
		why:  "of this package only the curves are allowed",
	},
	"crypto/x509":  {except: []string{"SetFallbackRoots"}, why: whyShared},
	"encoding/gob": {except: []string{"Register", "RegisterName"}, why: whyShared},
	"math/rand":    {except: []string{"Seed"}, why: "the checks share it: make your own by rand.New"},
	"mime":         {except: []string{"AddExtensionType"}, why: whyShared},

	"github.com/jackc/pgx/v5": {
		except: []string{"Connect", "ConnectConfig", "ConnectWithOptions", "ParseConfig", "ParseConfigWithOptions"},
		why:    whyPool,
	},
	"github.com/jackc/pgx/v5/pgxpool": {except: []string{"New", "NewWithConfig", "ParseConfig"}, why: whyPool},
	"github.com/jackc/pgx/v5/pgconn": {
		except: []string{"Connect", "ConnectConfig", "ConnectWithOptions", "Construct", "ParseConfig",
			"ParseConfigWithOptions", "RegisterGSSProvider"},
		whys: map[string]string{"RegisterGSSProvider": whyShared},
		why:  whyPool,
	},
	"github.com/redis/go-redis/v9": {
		except: []string{"NewClient", "NewClusterClient", "NewFailoverClient",
			"NewFailoverClusterClient", "NewRing", "NewSentinelClient", "NewUniversalClient",
			"NewDialer", "Options", "ClusterOptions", "FailoverOptions", "RingOptions",
			"UniversalOptions", "Hook", "DialHook", "ProcessHook", "ProcessPipelineHook",
			"SetLogger", "SetLogLevel", "SetOTelRecorder"},
		whys: map[string]string{"SetLogger": whyShared, "SetLogLevel": whyShared,
			"SetOTelRecorder": whyShared},
		why: whyClient,
	},
}

// members are methods that are not allowed, as "package.Type.Method", of types that are.
var members = map[string]string{
	"log.Logger.Fatal":   whyEnds,
	"log.Logger.Fatalf":  whyEnds,
	"log.Logger.Fatalln": whyEnds,
	"log.Logger.Writer":  whyDescriptor,
	"log.Logger.Output":  whyCaller,

	"log/slog.Record.Source": whyCaller,

	"os.File.Fd":            whyDescriptor,
	"os.File.Chdir":         "the working folder is the whole process's",
	"net.conn.File":         whyDescriptor, // that of TCPConn, UDPConn and IPConn
	"net.TCPListener.File":  whyDescriptor,
	"net.UnixListener.File": whyDescriptor,

	"net.IP.DefaultMask": "its bytes are the same ones for the checks: make your own by net.IPv4Mask",

	"reflect.Type.Method":        whyMethods,
	"reflect.Type.MethodByName":  whyMethods,
	"reflect.Value.Method":       whyMethods,
	"reflect.Value.MethodByName": whyMethods,

	"github.com/redis/go-redis/v9.Client.Options":          whyClient,
	"github.com/redis/go-redis/v9.ClusterClient.Options":   whyClient,
	"github.com/redis/go-redis/v9.Ring.Options":            whyClient,
	"github.com/redis/go-redis/v9.hooksMixin.AddHook":      whyClient, // that of Client, Conn and Tx
	"github.com/redis/go-redis/v9.UniversalClient.AddHook": whyClient,
	"github.com/redis/go-redis/v9.AutoPipeliner.AddHook":   whyClient,

	"github.com/jackc/pgx/v5.Conn.Config":          whyPool,
	"github.com/jackc/pgx/v5.Conn.PgConn":          whyPool, // what goes that way no tracer sees
	"github.com/jackc/pgx/v5/pgxpool.Pool.Config":  whyPool,
	"github.com/jackc/pgx/v5/pgxpool.Conn.Hijack":  whyPool, // nobody would miss the connection
	"github.com/jackc/pgx/v5/pgconn.PgConn.Hijack": whyPool,

	"crypto/elliptic.Curve.Params": "the parameters of a curve are the same ones for the checks",
}

// denied are types of which no expression may be: their values lead to what the checks share.
var denied = map[string]string{
	"crypto/elliptic.CurveParams": "the parameters of a curve are the same ones for the checks",
	"syscall.RawConn":             whyDescriptor,
	"net.UnixConn":                whyDescriptor,
	"net.UnixListener":            whyDescriptor,

	"github.com/redis/go-redis/v9.Options": whyClient,
}

const whyMethods = "it calls methods by their names as text, also those that are not allowed"

const whyEnds = "it ends the process; a server must not end because of one call: return the error"

// hidden are the methods by which an interface, whoever declares it, would reach one of [members]:
// a value that has them need not be of a type that is named.
var hidden = map[string]func(*types.Signature) bool{
	"AddHook":      taking,
	"Chdir":        results("error"),
	"DefaultMask":  results("net.IPMask"),
	"Fatal":        variadic,
	"Fatalf":       variadic,
	"Fatalln":      variadic,
	"Fd":           results("uintptr"),
	"File":         results("*os.File", "error"),
	"Method":       either(results("reflect.Method"), results("reflect.Value")),
	"MethodByName": either(results("reflect.Method", "bool"), results("reflect.Value")),
	"Options":      results("*github.com/redis/go-redis/v9.Options"),
	"Output":       depth,
	"Params":       results("*crypto/elliptic.CurveParams"),
	"PgConn":       results("*github.com/jackc/pgx/v5/pgconn.PgConn"),
	"Config": either(results("*github.com/jackc/pgx/v5/pgxpool.Config"),
		results("*github.com/jackc/pgx/v5.ConnConfig")),
	"Hijack": either(results("*github.com/jackc/pgx/v5.Conn"),
		results("*github.com/jackc/pgx/v5/pgconn.HijackedConn", "error")),
	"SetFlags": taking,
	"Source":   results("*log/slog.Source"),
	"Writer":   results("io.Writer"),
}

// taking is for what takes one value, of whatever type, and gives none.
func taking(s *types.Signature) bool { return s.Params().Len() == 1 && s.Results().Len() == 0 }

func either(a, b func(*types.Signature) bool) func(*types.Signature) bool {
	return func(s *types.Signature) bool { return a(s) || b(s) }
}

// depth is for log.Logger.Output, which is told how far up the caller is that it names.
func depth(s *types.Signature) bool { return s.Params().Len() == 2 && s.Results().Len() == 1 }

func variadic(s *types.Signature) bool { return s.Variadic() }

// results makes a test for a signature with these results, of which some may be type parameters:
// their types are inferred.
func results(want ...string) func(*types.Signature) bool {
	return func(s *types.Signature) bool {
		if s.Results().Len() != len(want) {
			return false
		}
		for i, w := range want {
			t := s.Results().At(i).Type()
			if types.TypeString(t, nil) != w && !parametric(t) {
				return false
			}
		}
		return true
	}
}

// parametric reports whether a type is a type parameter or a pointer to one.
func parametric(t types.Type) bool {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	_, ok := t.(*types.TypeParam)
	return ok
}

// methods are names that are not allowed on any value. Some give or take an unsafe.Pointer, which
// Go converts to a pointer of any type, and whose type it infers, without an import of unsafe.
var methods = map[string]string{
	"UnsafePointer":    whyAddress,
	"UnsafeAddr":       whyAddress,
	"UnsafeStringData": whyAddress,
	"UnsafeSliceData":  whyAddress,
	"SetPointer":       whyAddress,
	"SyscallConn":      whyDescriptor,
	"ReadMsgUnix":      whyDescriptor,
	"WriteMsgUnix":     whyDescriptor,
	"RegisterProtocol": "the transport may be the one that the checks use, too",
}

const whyAddress = "it gives an address that can be turned into any pointer"

func set(paths ...string) map[string]bool {
	m := make(map[string]bool, len(paths))
	for _, p := range paths {
		m[p] = true
	}
	return m
}
