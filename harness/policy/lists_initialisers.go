package policy

const (
	whyGoroutine = "it starts a goroutine"
	whyTimer     = "it starts a timer"
	whyWaits     = "it waits"
	whySocket    = "it opens a socket"
	whyFile      = "it opens or changes a file"
)

// starting are functions and methods of the standard library that leave something behind, or wait.
// Initialisers do not even name them.
var starting = map[string]string{
	"context.AfterFunc":               whyGoroutine,
	"context.WithDeadline":            whyTimer,
	"context.WithDeadlineCause":       whyTimer,
	"context.WithTimeout":             whyTimer,
	"context.WithTimeoutCause":        whyTimer,
	"iter.Pull":                       whyGoroutine,
	"iter.Pull2":                      whyGoroutine,
	"os/signal.Notify":                whyGoroutine,
	"os/signal.NotifyContext":         whyGoroutine,
	"sync.Cond.Wait":                  whyWaits,
	"sync.WaitGroup.Go":               whyGoroutine,
	"sync.WaitGroup.Wait":             whyWaits,
	"time.After":                      whyTimer,
	"time.AfterFunc":                  whyTimer,
	"time.NewTicker":                  whyTimer,
	"time.NewTimer":                   whyTimer,
	"time.Sleep":                      whyWaits,
	"time.Tick":                       whyTimer,
	"net/http.Client.Do":              whySocket,
	"net/http.Client.Get":             whySocket,
	"net/http.Client.Head":            whySocket,
	"net/http.Client.Post":            whySocket,
	"net/http.Client.PostForm":        whySocket,
	"net/http.Get":                    whySocket,
	"net/http.Head":                   whySocket,
	"net/http.Post":                   whySocket,
	"net/http.PostForm":               whySocket,
	"net/http.RoundTripper.RoundTrip": whySocket,
	"net/http.Transport.RoundTrip":    whySocket,
	"crypto/tls.Dial":                 whySocket,
	"crypto/tls.DialWithDialer":       whySocket,
	"crypto/tls.Dialer.Dial":          whySocket,
	"crypto/tls.Dialer.DialContext":   whySocket,
	"crypto/tls.Listen":               whySocket,
	"net.Pipe":                        whyWaits,
}

// startingWith are the same by the beginnings of their names.
var startingWith = map[string]string{
	"net.Dial": whySocket, "net.Listen": whySocket, "net.Lookup": whySocket,
	"net.Resolve": whySocket, "net.Interface": whySocket, "net.Resolver.": whySocket,
	"net/http.ListenAndServe": whySocket, "net/http.Serve": whySocket,
	"net/http.Server.ListenAndServe": whySocket, "net/http.Server.Serve": whySocket,
	"os.Create": whyFile, "os.Open": whyFile, "os.Mkdir": whyFile, "os.ReadFile": whyFile,
	"os.WriteFile": whyFile, "os.Remove": whyFile, "os.Rename": whyFile,
	"os.Truncate": whyFile, "os.File.": whyFile,
}

// startingMethods are the names of methods among them, by which an interface of the submission's
// own would reach them.
var startingMethods = set("Accept", "Dial", "DialContext", "Do", "Go", "Listen", "ListenAndServe",
	"ListenAndServeTLS", "ListenPacket", "Post", "PostForm", "RoundTrip", "Serve", "ServeTLS", "Wait")

// modest are functions of other modules that start nothing. All others of theirs may.
var modest = map[string]bool{
	"github.com/redis/go-redis/v9.NewScript":  true,
	"golang.org/x/sync/semaphore.NewWeighted": true,
	"golang.org/x/time/rate.Every":            true,
	"golang.org/x/time/rate.NewLimiter":       true,
}

// lazy are functions that keep the functions that they get, and call none of them.
var lazy = map[string]bool{
	"sync.OnceFunc": true, "sync.OnceValue": true, "sync.OnceValues": true,
	"net/http.TimeoutHandler": true, "net/http.StripPrefix": true,
	"net/http.ServeMux.Handle": true, "net/http.ServeMux.HandleFunc": true,
	"text/template.Must": true, "html/template.Must": true,
	"text/template.Template.Funcs": true, "html/template.Template.Funcs": true,
}
