package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// plain is a lab that adds nothing to the list.
var plain = &course.Lab{Files: []string{"x.go"}}

// rules are the rules that a source breaks, with the lines, such as "5 variable".
func rules(t *testing.T, l *course.Lab, src string) []string {
	t.Helper()
	got := []string{}
	for _, v := range check(t, l, src) {
		rule, _, _ := strings.Cut(v, ":")
		got = append(got, rule)
	}
	return slices.Compact(got)
}

// body is a file with these imports, in which line 5 is the first of the code.
func body(imports, code string) string {
	quoted := make([]string, 0, 4)
	for _, path := range strings.Fields(imports) {
		quoted = append(quoted, `"`+path+`"`)
	}
	return "package x\n\nimport (" + strings.Join(quoted, "; ") + ")\n\n" + code + "\n"
}

// TestCheck_variables has beside each change of what the checks share the neighbour that is allowed.
func TestCheck_variables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, imports, code string
		want                string // "" is allowed
	}{
		// What a variable points to.
		{"a zone", "time", "func f() { *time.UTC = *time.FixedZone(``, 1) }", "5 variable"},
		{"a zone of one's own", "time", "var z = time.FixedZone(``, 1)\n\nfunc f() time.Time { return time.Now().In(z).In(time.UTC) }", ""},
		{"a zone by a variable", "time", "func f() { p := time.UTC; *p = *time.FixedZone(``, 1) }", "5 variable"},
		{"a zone that a time has", "time", "func f(t time.Time) { *t.Location() = *time.FixedZone(``, 1) }", "5 variable"},
		{"a zone behind two pointers", "time", "func f() { p := &[]*time.Location{time.Local}[0]; **p = *time.FixedZone(``, 1) }", "5 variable"},
		{"a pointer to a zone that is one's own", "time", "func f(p **time.Location) { *p = time.UTC }", ""},
		{"a zone that is a value", "time", "func f() string { z := *time.UTC; z = *time.FixedZone(``, 1); return z.String() }", ""},
		{"a zone by a loop", "time", "func f(z []time.Location) { p := time.UTC; for _, *p = range z {} }", "5 variable"},
		{"a zone by a loop over keys", "time", "func f(z map[time.Location]int) { p := time.UTC; for *p = range z {} }", "5 variable"},
		{"a zone by a select", "time", "func f(c chan time.Location) { p := time.UTC; select { case *p = <-c: } }", "5 variable"},
		{"a zone by an exchange", "time", "func f(p, q *time.Location) { *p, *q = *q, *p }", "5 variable"},
		{"a zone by a deferred function", "time", "func f() { defer func() { *time.UTC = time.Location{} }() }", "5 variable"},
		{"a zone behind an alias", "time", "type z = time.Location\n\nfunc f(p *z) { *p = z{} }", "7 variable"},
		{"a zone behind a type of pointers", "time", "type p *time.Location\n\nfunc f() { *p(time.UTC) = time.Location{} }", "7 variable"},
		{"a zone as a type of one's own", "time", "type z time.Location\n\nfunc f() { *(*z)(time.UTC) = z{} }", "7 variable"},
		{"a zone as a type of one's own, in a generic", "time", "type z time.Location\n\nfunc f[P *time.Location](p P) { *(*z)(p) = z{} }", "7 variable"},
		{"a value that is converted", "time", "type z time.Location\n\nfunc f() z { return z(*time.UTC) }", ""},
		{"a zone by a generic function", "time", "func set[T any](p *T, v T) { *p = v }\n\nfunc f() { set(time.UTC, time.Location{}) }", "7 variable"},
		{"a zone by a generic type", "time", "type box[T any] struct{ p *T }\n\nfunc (b box[T]) zero() { var z T; *b.p = z }\n\nvar b = box[time.Location]{time.UTC}", "9 variable"},
		{"a generic of pointers", "time", "func id[T any](t T) T { return t }\n\nvar z = id(time.UTC)", ""},
		{"a zone by a constraint", "time", "type loc interface{ *time.Location }\n\nfunc f[P loc](p P) { *p = time.Location{} }", "5 variable, 7 variable"},
		{"a zone embedded", "time", "type z struct{ *time.Location }\n\nfunc f() { v := z{time.UTC}; *v.Location = time.Location{} }", "7 variable"},
		{"a zone by a type switch", "time", "func f(x any) { switch p := x.(type) { case *time.Location: *p = time.Location{} } }", "5 variable"},
		{"a zone by its address", "time", "func f() *time.Location { return &*time.UTC }", "5 variable"},
		{"base64", "encoding/base64", "func f() { *base64.StdEncoding = *base64.RawStdEncoding }", "5 variable"},
		{"base64 that is one's own", "encoding/base64", "var e = base64.NewEncoding(``).WithPadding('=')\n\nfunc f() string { return base64.StdEncoding.EncodeToString(nil) + e.EncodeToString(nil) }", ""},
		{"base32 by a variable", "encoding/base32", "func f() { p := base32.HexEncoding; *p = base32.Encoding{} }", "5 variable"},

		// Tables.
		{"crc32", "hash/crc32", "func f() { crc32.IEEETable[1] = 0 }", "5 variable"},
		{"crc32, counted", "hash/crc32", "func f() uint32 { return crc32.Update(0, crc32.IEEETable, nil) + crc32.Checksum(nil, crc32.MakeTable(crc32.Koopman)) }", ""},
		{"crc32 by a table made", "hash/crc32", "func f() { t := crc32.MakeTable(crc32.IEEE); t[1]++ }", "5 variable"},
		{"crc32, read", "hash/crc32", "func f() uint32 { return crc32.MakeTable(crc32.IEEE)[1] }", ""},
		{"crc32 by a slice", "hash/crc32", "func f() { s := crc32.MakeTable(crc32.IEEE)[:]; s[1] = 0 }", "5 variable"},
		{"crc32 by an element's address", "hash/crc32", "func f() { p := &crc32.MakeTable(crc32.IEEE)[1]; *p = 0 }", "5 variable"},
		{"crc32 as an array", "hash/crc32", "func f() { (*[256]uint32)(crc32.MakeTable(crc32.IEEE))[1] = 0 }", "5 variable"},
		{"crc32 by a package that writes", "hash/crc32 encoding/json", "func f() { json.Unmarshal(nil, crc32.MakeTable(crc32.IEEE)) }", "5 variable"},
		{"crc32 taken for a value", "hash/crc32", "var t = crc32.IEEETable", "5 variable"},
		{"crc32, a copy", "hash/crc32", "func f() { t := *crc32.MakeTable(crc32.IEEE); t[1] = 0 }", ""},
		{"letters", "unicode", "func f() { unicode.Latin.R16[0].Lo = 0 }", "5 variable"},
		{"letters, asked", "unicode", "func f(r rune) bool { return unicode.Is(unicode.Latin, r) || unicode.In(r, unicode.Greek, unicode.Digit) }", ""},
		{"letters of a map", "unicode", "func f() { unicode.Scripts[`Latin`] = nil }", "5 variable"},
		{"entities", "encoding/xml", "func f() { xml.HTMLEntity[`lt`] = `` }", "5 variable"},
		{"entities, a clone", "encoding/xml maps", "func f() { m := maps.Clone(xml.HTMLEntity); m[`lt`] = `` }", ""},
		{"entities, cleared", "encoding/xml", "func f() { clear(xml.HTMLEntity) }", "5 variable"},
		{"an address", "net", "func f() { net.IPv4zero[0] = 1 }", "5 variable"},
		{"an address, asked", "net", "func f(ip net.IP) bool { return ip.Equal(ip) && net.IPv6loopback.Equal(ip) }", ""},
		{"an address by its slice", "net", "func f() { copy(net.IPv6zero[:1], `x`) }", "5 variable"},
		{"an address by append", "net", "func f() net.IP { return append(net.IPv6zero, 1) }", "5 variable"},
		{"an address by a method that gives it away", "net", "func f() { net.IPv4bcast.To4()[0] = 1 }", "5 variable"},
		{"an address, a clone", "net slices", "func f() { ip := slices.Clone(net.IPv4zero); ip[0] = 1 }", ""},

		// Clients and transports.
		{"the client's time", "net/http", "func f() { http.DefaultClient.Timeout = 1 }", "5 variable"},
		{"a client of one's own", "net/http", "func f() { c := &http.Client{}; c.Timeout = 1; http.DefaultClient.Do(nil); http.Get(``) }", ""},
		{"the client's time by a variable", "net/http", "var c = http.DefaultClient\n\nfunc f() { c.Timeout = 1 }", "7 variable"},
		{"the client as a default", "net/http", "type api struct{ c *http.Client }\n\nfunc (a *api) f() { if a.c == nil { a.c = http.DefaultClient }; a.c.Get(``) }", ""},
		{"the client's time by a struct", "net/http", "type t struct{ *http.Client }\n\nfunc f() { v := t{http.DefaultClient}; v.Timeout = 1 }", "7 variable"},
		{"the client's time by a parameter", "net/http", "func g(c *http.Client) { c.Timeout++ }\n\nfunc f() { g(http.DefaultClient) }", "5 variable"},
		{"the client's time by a field's address", "net/http", "func f() { c := http.DefaultClient; p := &c.Timeout; *p = 1 }", "5 variable"},
		{"the client by a package that writes", "net/http encoding/json", "func f() { c := http.DefaultClient; json.Unmarshal(nil, c) }", "5 variable"},
		{"the client by a struct that is written", "net/http encoding/json", "type t struct{ C *http.Client }\n\nfunc f() { json.Unmarshal(nil, &t{http.DefaultClient}) }", "7 variable"},
		{"the client by an interface that is written", "net/http encoding/json", "type doer interface{ Do(*http.Request) (*http.Response, error) }\n\nfunc f() { var d doer = http.DefaultClient; json.Unmarshal(nil, d) }", "7 variable"},
		{"the client by an interface", "net/http encoding/json", "type doer interface{ Do(*http.Request) (*http.Response, error) }\n\nfunc f(x any) { var d doer = http.DefaultClient; d.Do(nil); json.Unmarshal(nil, x) }", ""},
		{"the client by an assertion", "net/http", "type doer interface{ Do(*http.Request) (*http.Response, error) }\n\nfunc f() { var d doer = http.DefaultClient; d.(*http.Client).Timeout = 1 }", "7 variable"},
		{"the client by its method's value", "net/http", "var get = http.DefaultClient.Get", ""},
		{"the client's pool", "net/http", "func f() { http.DefaultClient.CloseIdleConnections() }", "5 variable"},
		{"the transport", "net/http", "func f() { http.DefaultTransport = nil }", "5 variable"},
		{"the transport's proxy", "net/http", "func f() { http.DefaultTransport.(*http.Transport).Proxy = nil }", "5 variable"},
		{"a clone of the transport", "net/http", "func f() http.RoundTripper { t := http.DefaultTransport.(*http.Transport).Clone(); t.Proxy = nil; return t }", ""},
		{"the transport's proxy by a variable", "net/http", "func f() { r := http.DefaultTransport; r.(*http.Transport).Proxy = nil }", "5 variable"},
		{"a transport around the shared one", "net/http", "type rt struct{ next http.RoundTripper }\n\nfunc (r rt) RoundTrip(q *http.Request) (*http.Response, error) { return r.next.RoundTrip(q) }\n\nvar c = &http.Client{Transport: rt{http.DefaultTransport}}\n\nfunc f() { c.Timeout = 1 }", ""},
		{"the transport's proxy by a type switch", "net/http", "func f() { r := http.DefaultTransport; switch t := r.(type) { case *http.Transport: t.Proxy = nil } }", "5 variable"},
		{"the transport by a generic assertion", "net/http", "func as[T any](x any) T { return x.(T) }\n\nvar r = http.DefaultTransport\n\nfunc f(x any) { as[*http.Transport](x).Proxy = nil }", "9 variable"},
		{"the transport by a client that is written", "net/http encoding/json", "func f() { json.Unmarshal(nil, &http.Client{Transport: http.DefaultTransport}) }", "5 variable"},
		{"the transport by an interface that is written", "net/http encoding/json", "type rt interface{ RoundTrip(*http.Request) (*http.Response, error) }\n\nfunc f() { var r rt = http.DefaultTransport; json.Unmarshal(nil, r) }", "7 handed, 7 variable"},
		{"the transport's protocols", "net/http", "func f() { r := http.DefaultTransport; r.(interface{ RegisterProtocol(string, http.RoundTripper) }).RegisterProtocol(``, nil) }", "5 name"},
		{"a transport of one's own, by an assertion", "net/http", "func f(r http.RoundTripper) { r.(*http.Transport).Proxy = nil }", ""},
		{"the resolver", "net", "func f() { net.DefaultResolver.PreferGo = true }", "5 variable"},
		{"the resolver, asked", "net context", "func f() { net.DefaultResolver.LookupHost(context.TODO(), ``); r := &net.Resolver{}; r.PreferGo = true }", ""},
		{"the resolver by a variable", "net", "func f() { r := net.DefaultResolver; r.PreferGo = true }", "5 variable"},
		{"the mux", "net/http", "func f() { http.HandleFunc(`/`, nil); http.Handle(`/`, nil) }", "5 name"},
		{"the mux by its name", "net/http", "func f() { http.DefaultServeMux.Handle(`/`, nil) }", "5 name"},
		{"a mux of one's own", "net/http", "func f() { m := http.NewServeMux(); m.HandleFunc(`/`, nil); http.ListenAndServe(``, m) }", ""},
		{"a copy of the client", "net/http", "func f() { c := *http.DefaultClient; c.Timeout = 1; c.Get(``) }", ""},
		{"the client, compared", "net/http", "func f(c *http.Client) bool { switch c { case http.DefaultClient: return true }; return c == http.DefaultClient }", ""},
		{"the client in a switch", "net/http", "func f() { switch http.DefaultClient { case nil: } }", "5 variable"},
		{"the client's time, read", "net/http", "var n = http.DefaultClient.Timeout", "5 variable"},
		{"the client, called by the name of an import", "net/http", "var c = (http.DefaultClient)\n\nfunc f() { (c).Timeout = 1 }", "7 variable"},
		{"the client in a panic", "net/http", "func f() { panic(http.DefaultClient) }", "5 variable"},
		{"the client as a type of one's own", "net/http", "type c http.Client\n\nfunc f() { (*c)(http.DefaultClient).Timeout = 1 }", "7 variable"},
		{"the key of an address", "net/http context", "func f(ctx context.Context) any { return ctx.Value(http.LocalAddrContextKey) }", ""},
		{"the key of an address, changed", "net/http", "func f() { p := http.LocalAddrContextKey; q := *p; *p = q }", "5 variable"},
		{"the checks' server", "net/http context", "func f(ctx context.Context) { ctx.Value(http.ServerContextKey).(*http.Server).Handler = nil }", "5 name"},
		{"a mask", "net", "func f(ip net.IP) { ip.DefaultMask()[0] = 0 }", "5 name"},
		{"a function of text", "html/template", "var escape = template.HTMLEscapeString", ""},
		{"an error's text", "net/http", "func f() { http.ErrNotSupported.ErrorString = `` }", "5 variable"},
		{"an error's text by a variable", "net/http", "func f() { e := http.ErrNotSupported; e.ErrorString = `` }", "5 variable"},
		{"an error returned", "net/http errors", "func f(err error) error { if errors.Is(err, http.ErrNotSupported) { return err }; return http.ErrNotSupported }", ""},

		// Global state behind functions.
		{"the logger", "log/slog", "func f() { slog.SetDefault(nil) }", "5 name"},
		{"a logger", "log/slog io", "func f() { slog.Info(``); slog.Default().Info(``); slog.New(slog.NewJSONHandler(io.Discard, nil)).Info(``) }", ""},
		{"the logger's level as a value", "log/slog", "var set = slog.SetLogLoggerLevel", "5 name"},
		{"the old logger", "log io", "func f() { log.SetOutput(io.Discard); log.SetFlags(0); log.SetPrefix(``) }", "5 name"},
		{"an old logger of one's own", "log io", "func f() { l := log.New(io.Discard, ``, 0); l.SetFlags(0); l.Print(); log.Print() }", ""},
		{"a caller's place", "log io", "func f() { log.New(io.Discard, ``, log.Lshortfile) }", "5 name"},
		{"a caller's place by number", "log io", "func f() { log.New(io.Discard, ``, 16) }", "5 name"},
		{"a caller's place by a variable", "log io", "var flags = 16\n\nfunc f() { log.New(io.Discard, ``, flags) }", "7 name"},
		{"a caller's place, set", "log io", "func f() { log.New(io.Discard, ``, 0).SetFlags(log.LstdFlags | 1<<3) }", "5 name"},
		{"a caller's place, by a value", "log", "var make = log.New", "5 name"},
		{"a caller's place, by an interface", "log io", "func f() { var x interface{ SetFlags(int) } = log.New(io.Discard, ``, 0); x.SetFlags(16) }", "5 name"},
		{"a caller above", "log io", "func f() { log.New(io.Discard, ``, 0).Output(3, ``) }", "5 name"},
		{"a caller above, by an interface", "log io",
			"func f() { var x interface{ Output(int, string) error } = log.New(io.Discard, ``, 0); x.Output(3, ``) }",
			"5 name"},
		{"an interface with another Output", "log",
			"type a interface{ Output(int) error }\n\ntype b interface{ Output(int, string) }\n\nvar l *log.Logger",
			""},
		{"a caller above, by the old logger", "log", "func f() { log.Output(3, ``) }", "5 name"},
		{"a source", "log/slog io", "func f() { slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{AddSource: true}) }", "5 name"},
		{"a source by a variable", "log/slog", "func f(yes bool) slog.HandlerOptions { return slog.HandlerOptions{AddSource: yes} }", "5 name"},
		{"a source, unnamed", "log/slog", "var o = slog.HandlerOptions{true, nil, nil}", "5 name"},
		{"a source, set", "log/slog", "func f(o *slog.HandlerOptions) { o.AddSource = true }", "5 name"},
		{"a caller's place, by an argument", "log io",
			"func g(f func(io.Writer, string, int) *log.Logger, a, b int) {}\n\nfunc f() { g(log.New, 0, 0) }",
			"7 name"},
		{"a caller's place, by a call's results", "log io",
			"func g() (io.Writer, string, int) { return nil, ``, 16 }\n\nfunc f() { log.New(g()) }", "7 name"},
		{"a source by default", "log/slog",
			"var o, p = &slog.HandlerOptions{}, slog.HandlerOptions{false, nil, nil}", ""},
		{"a record's source", "log/slog", "func f(r slog.Record) any { return r.Source() }", "5 name"},
		{"no source", "log/slog log io", "var o = slog.HandlerOptions{AddSource: false, Level: slog.LevelInfo}\n\nfunc f() { log.New(io.Discard, ``, log.LstdFlags|log.LUTC).SetFlags(log.Lmsgprefix) }", ""},
		{"random numbers", "math/rand", "func f() { rand.Seed(1) }", "5 name"},
		{"random numbers of one's own", "math/rand", "func f() int { return rand.New(rand.NewSource(1)).Int() + rand.Int() }", ""},
		{"secret random numbers", "crypto/rand", "func f() { rand.Reader = nil }", "5 variable"},
		{"secret random numbers, read", "crypto/rand io", "func f(b []byte) { io.ReadFull(rand.Reader, b) }", ""},
		{"types of gob", "encoding/gob", "func f() { gob.Register(1) }", "5 name"},
		{"types of files", "mime", "func f() { mime.AddExtensionType(``, ``) }", "5 name"},
		{"hashes", "crypto", "func f() { crypto.RegisterHash(crypto.MD5, nil) }", "5 name"},
		{"roots", "crypto/x509", "func f() { x509.SetFallbackRoots(nil) }", "5 name"},
		{"curves", "crypto/elliptic", "func f() { elliptic.P256().Params().N.SetInt64(1) }", "5 name"},
		{"curves by a key", "crypto/ecdsa", "func f(k *ecdsa.PublicKey) { k.Params().N.SetInt64(1) }", "5 name"},
		{"curves by an interface", "crypto/elliptic", "func params[T any](c interface{ Params() *T }) *T { return c.Params() }\n\nfunc f() { params(elliptic.P256()) }", "5 name, 7 name"},
		{"a record's source by an interface", "log/slog", "func f[T any](r slog.Record) { any(r).(interface{ Source() T }).Source() }", "5 name"},
		{"a mask by an interface", "net", "func f[T any](ip net.IP) { any(ip).(interface{ DefaultMask() T }).DefaultMask() }", "5 name"},
		{"a logger's output by an interface", "log", "func f[T any](l *log.Logger) { any(l).(interface{ Writer() T }).Writer() }", "5 name"},
		{"an interface with parameters of its own", "crypto/elliptic", "type p interface{ Params() []string }\n\nvar c = elliptic.P256()", ""},

		// The end of the process and the standard input.
		{"the input", "fmt", "func f() { fmt.Scan(); fmt.Scanln(); fmt.Scanf(``) }", "5 name"},
		{"an input as a value", "fmt", "var scan = fmt.Scan", "5 name"},
		{"an input of one's own", "fmt strings", "func f() { fmt.Sscan(``); fmt.Fscan(strings.NewReader(``)) }", ""},
		{"the end by slog", "log/slog", "func f() { slog.NewLogLogger(nil, 0).Fatal() }", "5 name"},
		{"a logger of slog", "log/slog", "func f() { slog.NewLogLogger(nil, 0).Print() }", ""},
		{"the end as a method's value", "log/slog", "var end = slog.NewLogLogger(nil, 0).Fatalf", "5 name"},
		{"the end as a method's expression", "log", "var end = (*log.Logger).Fatalln", "5 name"},
		{"the end by embedding", "log", "type l struct{ *log.Logger }\n\nfunc f(x l) { x.Fatal() }", "7 name"},
		{"the end by an interface", "log", "type fatal interface{ Fatal(...any) }\n\nfunc f(l *log.Logger) { var x fatal = l; x.Fatal() }", "5 name"},
		{"the end by an assertion", "log", "func f(l any) { l.(interface{ Fatalf(string, ...any) }).Fatalf(``); log.Print() }", "5 name"},
		{"the end by a constraint", "log", "func f[T interface{ Fatalln(...any) }](l T) { l.Fatalln(); log.Print() }", "5 name"},
		{"the end by a template", "log text/template io", "func f(l *log.Logger) { template.New(``).Execute(io.Discard, l) }", "5 name"},
		{"a template", "text/template io", "func f() { template.New(``).Execute(io.Discard, 1) }", ""},
		{"an interface with another Fatal", "log", "type e interface{ Fatal() bool }\n\nfunc f() { log.Print() }", ""},

		// Descriptors.
		{"a descriptor", "net", "func f(c *net.TCPConn) { c.File() }", "5 name"},
		{"a connection", "net", "func f(c *net.TCPConn) { c.SetNoDelay(true); c.Close() }", ""},
		{"a descriptor by an interface", "net", "func f[T any](c net.Conn) { c.(interface{ File() (T, error) }).File() }", "5 name"},
		{"an interface with a file of its own", "net", "type t interface{ File() (string, error) }\n\nvar c net.Conn", ""},
		{"a raw connection", "net", "func f(c *net.TCPConn) { c.SyscallConn() }", "5 name"},
		{"a unix socket", "net", "func f() { net.ListenUnix(``, nil) }", "5 name"},
		{"messages of a unix socket", "net", "func f(c net.Conn) { c.(interface{ WriteMsgUnix([]byte, []byte, *net.IPAddr) (int, int, error) }).WriteMsgUnix(nil, nil, nil) }", "5 name"},

		// The number of processors.
		{"processors", "runtime", "func f() { runtime.GOMAXPROCS(1) }", "5 name"},
		{"memory, measured", "runtime", "func f(m *runtime.MemStats) { runtime.ReadMemStats(m) }", "5 name"},
		{"processors, counted", "runtime", "func f() int { runtime.Gosched(); return runtime.NumCPU() + runtime.NumGoroutine() }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(rules(t, plain, body(tt.imports, tt.code)), ", ")
			if got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, check(t, plain, body(tt.imports,
					tt.code)))
			}
		})
	}
}
