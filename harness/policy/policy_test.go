package policy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/policy"
)

// lab allows some packages beyond the list and forbids one that is on it.
var lab = &course.Lab{
	Files: []string{"x.go", "sub/y.go"},
	Imports: []string{"os", "os/signal", "syscall", "reflect", "embed",
		"github.com/redis/go-redis/v9"},
	Forbid: []course.Forbid{{Import: "golang.org/x/time/rate", Why: "this lab builds it"},
		{Import: "container", Why: "lists are the exercise"}},
}

// checker has the types of what the course can import. It applies its rules in this process.
var checker = sync.OnceValue(func() *policy.Checker {
	root, err := course.Find(".")
	if err != nil {
		panic(err)
	}
	c, err := course.Load(root)
	if err != nil {
		panic(err)
	}
	b := &compile.Builder{Course: c, Dir: scratch}
	if _, err := b.Exports(context.Background(), policy.Allowed(c)); err != nil { // all at once
		panic(err)
	}
	return (&policy.Checker{Course: c, Exports: b.Exports}).InProcess()
})

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "policy"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// check returns the violations as "line rule: what: why", or the mistake in the source.
func check(t *testing.T, l *course.Lab, src string) []string {
	t.Helper()
	found, err := checker().Check(t.Context(), l, map[string][]byte{"x.go": []byte(src)})
	got := []string{}
	if unread, ok := errors.AsType[*policy.Unread](err); ok {
		return append(got, unread.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if v.File != "x.go" {
			got = append(got, "in "+v.File)
		}
		got = append(got, fmt.Sprintf("%d %s: %s: %s", v.Line, v.Rule, v.What, v.Why))
	}
	return got
}

const (
	whyList   = "it is not among the packages that this lab allows: "
	whyRest   = "golang.org/x/sync, and those of the standard library that reach neither the process nor the machine"
	whyImport = whyList + "os, os/signal, syscall, reflect, embed, github.com/redis/go-redis/v9, " + whyRest
	whyOS     = "a lab does not end its process, look at its arguments or open descriptors by " +
		"number"
	whySyscall = "only the names of signals are allowed: everything else speaks to the kernel " +
		"directly"
	whyRuntime = "only names that cannot change how the process runs, and do not tell how it was built, are allowed"
	whyReflect = "it makes Go values of addresses"
	whyAtomic  = "it works on unsafe pointers: use atomic.Pointer"
	whyLog     = "it ends the process; a server must not end because of one call: return the error"
	whyLogger  = "the logger behind it is the checks' as well: make your own by log.New"
	whyNet     = "it reaches descriptors by their numbers"
	whyAddress = "it gives an address that can be turned into any pointer"
	whyDot     = "a reader cannot see where its names come from: import it by its name"
	whyBlank   = "a package that is imported for its effects alone changes what the checks see"
	whyShared  = "it belongs to its package and is the same one for the checks"
	whyBuild   = "a lab's file is part of every build"
	whyInput   = "the standard input is not the submission's to read"
	whySpeaks  = "it speaks to the compiler, the linker or the go command"
	whyPlace   = "it gives the code another place than it has"
	whyClient  = "use the client that you are given, as it is: the checks slow it down, cut it off and count by it"
	whyLooks   = "it makes the source look other than it is compiled"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		src  string
		want []string // nil: allowed
	}{
		// Imports.
		{"a package that is not on the list", "package x\n\nimport \"unsafe\"\n", []string{`3 import: import "unsafe": ` + whyImport}},
		{"the same in a group, renamed", "package x\n\nimport (\n\t\"fmt\"\n\tu \"unsafe\"\n)\n", []string{`5 import: import "unsafe": ` + whyImport}},
		{"for its effects", "package x\n\nimport _ \"net/http/pprof\"\n", []string{`3 import: import "net/http/pprof": ` + whyImport}},
		{"two on one line", "package x; import \"plugin\"; import \"os/exec\"\n", []string{`1 import: import "plugin": ` + whyImport, `1 import: import "os/exec": ` + whyImport}},
		{"spelled with an escape", "package x\n\nimport \"un\\x73afe\"\n", []string{`3 import: import "un\x73afe": ` + whyImport}},
		{"in a raw string", "package x\n\nimport `unsafe`\n", []string{"3 import: import `unsafe`: " + whyImport}},
		{"the test framework", "package x\n\nimport . \"testing\"\n", []string{`3 import: import "testing": ` + whyImport}},
		{"the checks' kit", "package x\n\nimport \"github.com/backend-labs/backend-labs/harness/kit/account\"\n", []string{`3 import: import "github.com/backend-labs/backend-labs/harness/kit/account": ` + whyImport}},
		{"a relative path", "package x\n\nimport \"./os\"\n", []string{`3 import: import "./os": ` + whyImport}},
		{"below an allowed package", "package x\n\nimport \"os/exec\"\n", []string{`3 import: import "os/exec": ` + whyImport}},
		{"the list, and what the lab adds", "package x\n\nimport (\n\t\"fmt\"\n\t\"math/rand/v2\"\n\t\"os/signal\"\n\t\"github.com/redis/go-redis/v9\"\n)\n\nvar _, _, _, _ = fmt.Sprint, rand.N[int], signal.Stop, redis.Nil\n", nil},
		{"words in comments and strings", "package x\n\n// import \"unsafe\" is what this does not do.\nvar s = `\nimport \"unsafe\"\n`\n", nil},

		// What the lab forbids.
		{"a forbidden package", "package x\n\nimport r \"golang.org/x/time/rate\"\n", []string{`3 forbidden: import "golang.org/x/time/rate": this lab builds it`}},
		{"below a forbidden path", "package x\n\nimport \"container/list\"\n", []string{`3 forbidden: import "container/list": lists are the exercise`}},
		{"a path that only begins alike", "package x\n\nimport \"golang.org/x/time/rates\"\n", []string{`3 import: import "golang.org/x/time/rates": ` + whyImport}},
		{"beside a forbidden path", "package x\n\nimport \"golang.org/x/sync/errgroup\"\n\nvar g errgroup.Group\n", nil},

		// cgo.
		{"cgo", "package x\n\n// int f(void);\nimport \"C\"\n", []string{`4 cgo: import "C": labs are written in Go alone`}},
		{"cgo, raw and renamed", "package x\n\nimport _ `C`\n", []string{`3 cgo: import "C": labs are written in Go alone`}},
		{"a function that is elsewhere", "package x\n\nfunc f() int\n", []string{"3 cgo: func f without a body: labs are written in Go alone"}},
		{"no cgo", "package x\n\n// import \"C\"\nvar C = \"C\"\n", nil},

		// Names.
		{"os.Exit", "package x\n\nimport \"os\"\n\nfunc f() {\n\tos.Exit(0)\n}\n", []string{"6 name: os.Exit: " + whyOS}},
		{"renamed", "package x\n\nimport sys \"os\"\n\nfunc f() { sys.Exit(0) }\n", []string{"5 name: sys.Exit: " + whyOS}},
		{"imported twice", "package x\n\nimport (\n\t\"os\"\n\to \"os\"\n)\n\nvar _, _ = os.Args, o.Args\n", []string{"8 name: os.Args: " + whyOS, "8 name: o.Args: " + whyOS}},
		{"as a value", "package x\n\nimport \"os\"\n\nvar quit = os.Exit\n", []string{"5 name: os.Exit: " + whyOS}},
		{"over two lines", "package x\n\nimport \"os\"\n\nvar quit = os. // here\n\tExit\n", []string{"5 name: os.Exit: " + whyOS}},
		{"in an argument of a generic", "package x\n\nimport \"os\"\n\nfunc id[T any](t T) T { return t }\n\nvar quit = id[func(int)](os.Exit)\n", []string{"7 name: os.Exit: " + whyOS}},
		{"a banned type by alias", "package x\n\nimport \"syscall\"\n\ntype e = syscall.RawConn\n", []string{"5 name: syscall.RawConn: " + whySyscall}},
		{"as a constraint", "package x\n\nimport \"os\"\n\nfunc f[T *os.Process](T) {}\n", []string{"5 name: os.Process: " + whyOS}},
		{"os by dot", "package x\n\nimport . \"os\"\n\nfunc f() { Exit(0) }\n", []string{`3 import: import . "os": ` + whyDot}},
		{"os by dot, spelled with an escape", "package x\n\nimport . \"\\x6fs\"\n", []string{`3 import: import . "\x6fs": ` + whyDot}},
		{"os by name, spelled with an escape", "package x\n\nimport \"\\x6fs\"\n\nvar a = os.Args\n", []string{"5 name: os.Args: " + whyOS}},
		{"another package by dot", "package x\n\nimport . \"strings\"\n\nvar s = ToUpper(\"os.Exit\")\n", []string{`3 import: import . "strings": ` + whyDot}},
		{"for its effects, from the list", "package x\n\nimport _ \"net/http\"\n", []string{`3 import: import _ "net/http": ` + whyBlank}},
		{"allowed names of os", "package x\n\nimport (\n\t\"os\"\n\t\"os/signal\"\n\t\"syscall\"\n)\n\nfunc f(c chan os.Signal) { signal.Notify(c, os.Interrupt, syscall.SIGTERM) }\n", nil},
		{"in a comment and a string", "package x\n\nimport \"os\"\n\nvar h, _ = os.Hostname() // not os.Exit\nvar s = \"os.Exit(0)\"\n", nil},
		{"runtime", "package x\n\nimport \"runtime\"\n\nvar n = runtime.NumCPU()\nvar f = runtime.Goexit\n", []string{"6 name: runtime.Goexit: " + whyRuntime}},
		{"reflect", "package x\n\nimport \"reflect\"\n\nvar t = reflect.TypeFor[int]()\nvar f = reflect.NewAt\nvar g = reflect.SliceAt\n", []string{"6 name: reflect.NewAt: " + whyReflect, "7 name: reflect.SliceAt: " + whyReflect}},
		{"atomic", "package x\n\nimport \"sync/atomic\"\n\nvar p atomic.Pointer[int]\nvar f = atomic.LoadPointer\n", []string{"6 name: atomic.LoadPointer: " + whyAtomic}},
		{"net", "package x\n\nimport \"net\"\n\nvar d net.Dialer\nvar f = net.FileConn\n", []string{"6 name: net.FileConn: " + whyNet}},
		{"log", "package x\n\nimport \"log\"\n\nfunc f() { log.Print(1); log.Panic(2) }\nfunc g() { log.Fatal(1) }\n", []string{"6 name: log.Fatal: " + whyLog}},
		{"a client of one's own", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\nfunc f(c redis.UniversalClient) redis.UniversalClient {\n\to := *c.(*redis.Client).Options()\n\treturn redis.NewClient(&o)\n}\n", []string{"6 name: .Options: " + whyClient, "7 name: redis.NewClient: " + whyClient}},
		{"a client by its address", "package x\n\nimport r \"github.com/redis/go-redis/v9\"\n\nvar f = r.NewUniversalClient\n\nfunc g(s string) { o, _ := r.ParseURL(s); _ = o }\n", []string{"5 name: r.NewUniversalClient: " + whyClient, "7 name: o: " + whyClient}},
		{"options by an interface", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\nfunc f[O any](c redis.UniversalClient) { _ = c.(interface{ Options() *O }) }\n", []string{"5 name: an interface with Options: a value of another package could have this method, which is not allowed"}},
		{"a hook", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\nfunc f(c redis.UniversalClient) { c.AddHook(nil) }\nfunc g(c *redis.Client) { c.AddHook(nil) }\n\ntype h struct{}\n\nfunc (h) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }\n", []string{"5 name: .AddHook: " + whyClient, "6 name: .AddHook: " + whyClient, "10 name: redis.ProcessHook: " + whyClient}},
		{"a hook by a constraint, its types inferred", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\nfunc f[H any, C interface{ AddHook(H) }](c C) { var h H; c.AddHook(h) }\n\nfunc g(c redis.UniversalClient) { f(c) }\n", []string{"5 name: an interface with AddHook: a value of another package could have this method, which is not allowed"}},
		{"the client that is given", "package x\n\nimport (\n\t\"context\"\n\n\t\"github.com/redis/go-redis/v9\"\n)\n\nfunc f(ctx context.Context, c redis.UniversalClient) error {\n\t_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Incr(ctx, \"a\").Err() })\n\treturn err\n}\n\ntype options struct{}\n\nfunc (options) Options() *options { return nil }\n\ntype has interface{ Options() *options }\n", nil},
		{"methods by their names, by an interface", "package x\n\nimport \"reflect\"\n\ntype m interface{ MethodByName(string) (reflect.Method, bool) }\n\nfunc f(v any) { reflect.TypeOf(v).(m).MethodByName(\"Fatal\") }\n", []string{"5 name: an interface with MethodByName: a value of another package could have this method, which is not allowed"}},
		{"methods by their numbers, by an interface", "package x\n\nimport \"reflect\"\n\ntype m interface{ Method(int) reflect.Value }\n\nfunc f(v any) { any(reflect.ValueOf(v)).(m).Method(0) }\n", []string{"5 name: an interface with Method: a value of another package could have this method, which is not allowed"}},
		{"a Method of one's own", "package x\n\nimport \"reflect\"\n\ntype m interface{ Method() string }\n\nvar t = reflect.TypeFor[m]()\n", nil},
		{"a logger's own", "package x\n\nimport l \"log\"\n\nfunc g() { l.Default().Fatalf(\"\") }\nfunc h(x *l.Logger) { f := x.Fatalln; f() }\n", []string{"5 name: l.Default: " + whyLogger, "5 name: .Fatalf: " + whyLog, "6 name: .Fatalln: " + whyLog}},
		{"a type of one's own with Fatal", "package x\n\nimport \"log/slog\"\n\ntype e struct{}\n\nfunc (e) Fatal() bool { slog.Info(\"\"); return true }\n\nvar b = e{}.Fatal()\n", nil},

		// Shadowed names of packages.
		{"a variable in the package's place", "package x\n\nimport \"os\"\n\nvar _ os.Signal\n\ntype T struct{}\n\nfunc (T) Exit(int) {}\n\nfunc f() {\n\tos := T{}\n\tos.Exit(0)\n\tg := func() { os.Exit(1) }\n\tg()\n}\n", nil},
		{"a parameter, a receiver, a result, a loop", "package x\n\nimport \"os\"\n\nvar _ os.Signal\n\ntype T struct{}\n\nfunc (os T) Exit(int) { os.Exit(0) }\nfunc f(os T) { os.Exit(0) }\nfunc g() (os T) { os.Exit(0); return }\nfunc h(ts []T) {\n\tfor _, os := range ts {\n\t\tos.Exit(0)\n\t}\n}\n", nil},
		{"a field of that name", "package x\n\nimport \"os\"\n\nvar _ os.Signal\n\ntype T struct{ os interface{ Exit(int) } }\n\nfunc (t T) f() { t.os.Exit(0) }\n", nil},
		{"before the variable", "package x\n\nimport \"os\"\n\ntype T struct{}\n\nfunc f() {\n\tos.Exit(0)\n\tos := os.Args\n\t_ = os\n}\n", []string{"8 name: os.Exit: " + whyOS, "9 name: os.Args: " + whyOS}},
		{"behind the variable's block", "package x\n\nimport \"os\"\n\nfunc f() {\n\tif os := 1; os > 0 {\n\t}\n\tos.Exit(0)\n}\n", []string{"8 name: os.Exit: " + whyOS}},
		{"a parameter's type beside the parameter", "package x\n\nimport \"os\"\n\nfunc f(os int, p os.Process) {}\n", []string{"5 name: os.Process: " + whyOS}},
		{"a type parameter earlier in the group", "package x\n\nimport \"os\"\n\ntype (\n\tA[os any] struct{}\n\tB = os.Process\n)\n", []string{"7 name: os.Process: " + whyOS}},
		{"a type switch's variable", "package x\n\nimport \"os\"\n\nfunc f(x any) {\n\tswitch os := x.(type) {\n\tcase os.Process:\n\t\t_ = os\n\t}\n}\n", []string{"7 name: os.Process: " + whyOS}},
		{"a label", "package x\n\nimport \"os\"\n\nfunc f() {\nos:\n\tos.Exit(0)\n\tgoto os\n}\n", []string{"7 name: os.Exit: " + whyOS}},
		{"a type of a function", "package x\n\nimport \"os\"\n\ntype F func(os int) os.Process\n", []string{"5 name: os.Process: " + whyOS}},

		// Names on any value.
		{"an unsafe pointer without unsafe", "package x\n\nimport \"reflect\"\n\nfunc f(v reflect.Value) { p := v.UnsafePointer(); _ = (*[8]byte)(p) }\n", []string{"5 name: UnsafePointer: " + whyAddress}},
		{"as a method's value", "package x\n\nvar v interface{ Elem() }\nvar f = v.UnsafeAddr\n", []string{"4 name: UnsafeAddr: " + whyAddress}},
		{"its type inferred", "package x\n\nimport \"reflect\"\n\nfunc as[T any](x any, _ func(T)) T { return x.(T) }\n\nfunc f(x any, v reflect.Value) { _ = (*int)(as(x, v.SetPointer)) }\n", []string{"7 name: SetPointer: " + whyAddress}},
		{"its type inferred from an interface", "package x\n\nfunc as[T any, V interface{ SetPointer(T) }](x any, _ V) T { return x.(T) }\n", []string{"3 name: SetPointer: " + whyAddress}},
		{"the word in a string", "package x\n\nvar s = \"UnsafePointer\" // SetPointer\nvar SetPointers = 1\n", nil},

		// Variables of other packages.
		{"assigned", "package x\n\nimport \"context\"\n\nfunc init() { context.Canceled = nil }\n", []string{"5 variable: context.Canceled as a variable: " + whyShared}},
		{"assigned among others, in parentheses", "package x\n\nimport \"io\"\n\nfunc init() { _, (io.EOF) = 1, nil }\n", []string{"5 variable: io.EOF as a variable: " + whyShared}},
		{"by a loop", "package x\n\nimport \"io\"\n\nfunc f(e []error) {\n\tfor _, io.EOF = range e {\n\t}\n}\n", []string{"6 variable: io.EOF as a variable: " + whyShared}},
		{"by its address", "package x\n\nimport \"io\"\n\nvar p = &io.EOF\n", []string{"5 variable: io.EOF as a variable: " + whyShared}},
		{"read, compared, made and set elsewhere", "package x\n\nimport (\n\t\"io\"\n\t\"net/http\"\n)\n\ntype T struct{ EOF error }\n\nfunc f(c *http.Client, err error) bool {\n\tc.Timeout++\n\tio := T{}\n\tio.EOF = nil\n\t_ = &http.Server{Addr: http.MethodGet}\n\treturn err == io.EOF\n}\n\nvar e = io.EOF\n", nil},

		{"what it points to, told once", "package x\n\nimport \"time\"\n\nfunc f() { *time.UTC = *time.Local }\n", []string{"5 variable: time.UTC as a variable: " + whyShared}},
		{"what it points to, beside a name", "package x\n\nimport (\n\t\"os\"\n\t\"time\"\n)\n\nfunc f(p *time.Location) { *p, _ = *time.Local, os.Args }\n", []string{"8 name: os.Args: " + whyOS, "8 variable: *p as a variable: there are values of time.Location that the checks use, too, and this could change one"}},

		{"a remedy", "package x\n\nimport (\n\t\"encoding/xml\"\n\t\"hash/crc32\"\n\t\"net\"\n)\n\nvar a = xml.HTMLEntity\nvar b = crc32.IEEETable\nvar c = net.IPv4zero\n", []string{
			"9 variable: xml.HTMLEntity: " + whyShared + ", and what it points to could be changed: make your own",
			"10 variable: crc32.IEEETable: " + whyShared + ": hand it to hash/crc32.Checksum, hash/crc32.New, hash/crc32.Update directly, or not at all",
			"11 variable: net.IPv4zero: its bytes are the same ones for the checks: make your own by slices.Clone"}},

		// Directives.
		{"linkname", "package x\n\n//go:linkname now time.now\nfunc now() int64\n", []string{"3 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"linkname at the end of a line", "package x\n\nvar a = 1 //go:linkname a b\n", []string{"3 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"linkname, indented in a function", "package x\n\nfunc f() {\n\t  //go:linkname a b\n}\n", []string{"4 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"linkname with a tab", "package x\n\n//go:linkname\ta b\n", []string{"3 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"linkname with Windows' ends of lines", "package x\r\n\r\n//go:linkname a b\r\nvar a int\r\n", []string{"3 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"embed", "package x\n\nimport \"embed\"\n\n//go:embed x.go\nvar s embed.FS\n", []string{"5 directive: //go:embed: it puts files into the program"}},
		{"a flag for the linker", "package x\n\n//go:cgo_ldflag \"-lfoo\"\n", []string{"3 directive: //go:cgo_ldflag: " + whySpeaks}},
		{"no bounds, no race detector", "package x\n\n//go:norace\nfunc f() {}\n", []string{"3 directive: //go:norace: " + whySpeaks}},
		{"the toolchain's settings", "//go:debug panicnil=1\npackage x\n", []string{"1 directive: //go:debug: " + whySpeaks}},
		{"a build constraint", "//go:build linux\n\npackage x\n", []string{"1 directive: //go:build: " + whyBuild}},
		{"a build constraint that sets the language's version", "// Package x.\n//go:build go1.20\n\npackage x\n", []string{"2 directive: //go:build: " + whyBuild}},
		{"a build constraint behind a byte order mark", "\ufeff//go:build ignore\n\npackage x\n", []string{"1 directive: //go:build: " + whyBuild}},
		{"a build constraint behind a comment", "/* a */ //go:build ignore\n\npackage x\n", []string{"1 directive: //go:build: " + whyBuild}},
		{"an old build tag", "// +build linux\n\npackage x\n", []string{"1 directive: // +build: " + whyBuild}},
		{"an old build tag, hard against it", "//+build\tlinux\n\npackage x\n", []string{"1 directive: // +build: " + whyBuild}},
		{"an old build tag behind a space of another kind", "//\u00a0\v+build linux\n\npackage x\n", []string{"1 directive: // +build: " + whyBuild}},
		{"an old build tag where it says nothing", "package x\n\n// +build linux\nvar a int\n", nil},
		{"another place", "package x\n\n//line checks_test.go:1\nvar a int\n", []string{"3 directive: //line: " + whyPlace}},
		{"another place in the middle of a line", "package x\n\nvar a /*line y.go:1:1*/ int\n", []string{"3 directive: /*line: " + whyPlace}},
		{"the violation's own place stays", "package x\n\n//line y.go:100\nimport \"unsafe\"\n", []string{"3 directive: //line: " + whyPlace, `4 import: import "unsafe": ` + whyImport}},
		{"export", "package x\n\n//export f\nfunc f() {}\n", []string{"3 directive: //export: it speaks to cgo"}},
		{"extern", "package x\n\n//extern puts\nfunc f() {}\n", []string{"3 directive: //extern: it speaks to cgo"}},
		{"what says that it changes nothing but speed", "package x\n\n//go:generate stringer\n\n//go:noinline\nfunc f() {}\n\n//go:nosplit\nfunc g() {}\n", []string{"3 directive: //go:generate: " + whySpeaks, "5 directive: //go:noinline: " + whySpeaks, "8 directive: //go:nosplit: " + whySpeaks}},
		{"like a harmless one", "package x\n\n//go:noinlined\nfunc f() {}\n", []string{"3 directive: //go:noinlined: " + whySpeaks}},
		{"words of directives in comments and strings", "// Package x has no //go:build line.\n// go:build linux\n// x +build\npackage x\n\n// see //go:linkname, line 5 and //export\nvar s = \"//go:embed x\" + `\n//go:linkname a b\n//line y.go:1\n` // line one\n\n/*\n//go:linkname a b\n// +build linux\n*/\n\n/* line */\n\n// exported\n", nil},

		// Encoding.
		{"NUL", "package x\n\nvar a = 1 // \x00\n", []string{"3 encoding: a NUL byte: source is text"}},
		{"text that runs the other way", "package x\n\nvar a = \"\u202e\"\n", []string{"3 encoding: the character U+202E: " + whyLooks}},
		{"an isolate, in a comment", "package x\n// \u2066\n", []string{"2 encoding: the character U+2066: " + whyLooks}},
		{"what is not UTF-8", "package x\n\nvar a = \"\xff\"\n", []string{"1 encoding: bytes that are not UTF-8: source is text"}},
		{"the first byte", "\bpackage x\n", []string{"1 encoding: the character U+0008: " + whyLooks}},
		{"a terminal's escape", "package x\n\n// \x1b[8m\n", []string{"3 encoding: the character U+001B: " + whyLooks}},
		{"Arabic, Hebrew, a tab, escapes that are written out", "package x\n\nvar a = \"سلام שלום\t\\u202e\\x1b\\x00\"\n", nil},

		// What does not parse.
		{"a mistake in the syntax", "package x\n\nfunc {\n", []string{"x.go:3: expected 'IDENT', found '{'"}},
		{"a mistake in the syntax, with a directive", "package x\n\n//go:linkname a b\nfunc {\n", []string{"3 directive: //go:linkname: it reaches into other packages behind their exported API"}},
		{"nothing", "", []string{"x.go:1: expected 'package', found 'EOF'"}},
		{"a mistake in the types", "package x\n\nvar n int = \"\"\n", []string{`x.go:3: cannot use "" (untyped string constant) as int value in variable declaration`}},
		{"a mistake in the types, and what is not allowed", "package x\n\nimport \"os\"\n\nvar n int = \"\"\n\nfunc f() { os.Exit(n) }\n", []string{"7 name: os.Exit: " + whyOS}},
		{"a name of the checks' own files", "package x\n\nvar n = helperOfTheChecks\n", []string{"x.go:3: undefined: helperOfTheChecks"}},
		{"nested deeper than the parser goes", "package x\n\nimport \"os\"\n\nvar _ = " + strings.Repeat("(", 100_001) + "1" + strings.Repeat(")", 100_001) + "\n\nfunc init() { os.Exit(0) }\n",
			[]string{"5 nesting: exceeded max nesting depth: code that is nested this deep " +
				"cannot be looked at"}},
		{"blocks nested as deep as nobody writes them", "package x\n\nfunc f() {" + strings.Repeat("{", 1001) + strings.Repeat("}", 1001) + "}\n", nil},
		{"nested as deep as nobody writes it", "package x\n\nvar _ = " + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000) + "\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := check(t, lab, tt.src); !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"),
					strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

func TestCheck_files(t *testing.T) {
	t.Parallel()
	bad := []byte("package x\n\nimport \"unsafe\"\n")
	var got []string
	found, err := checker().Check(t.Context(), lab, map[string][]byte{"sub/y.go": bad,
		"x.go": bad, "z.go": bad})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		got = append(got, v.String())
	}
	want := []string{
		`x.go:3: import "unsafe" (rule import): ` + whyImport,
		`sub/y.go:3: import "unsafe" (rule import): ` + whyImport,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want the lab's files in their order %q", got, want)
	}
	if got, err := checker().Check(t.Context(), lab, nil); got != nil || err != nil {
		t.Errorf("got %v, %v of no files, want nothing", got, err)
	}
}

// TestCheck_packages is about a lab of which several packages are handed in.
func TestCheck_packages(t *testing.T) {
	t.Parallel()
	const sub = "github.com/backend-labs/backend-labs/labs/b99-x/sub"
	l := &course.Lab{Slug: "b99-x", Files: []string{"x.go", "sub/y.go"}, Imports: []string{sub}}
	x := "package x\n\nimport (\n\t\"" + sub + "\"\n\t\"net/http\"\n)\n\n"
	y := "package sub\n\nimport \"net/http\"\n\n"
	for _, tt := range []struct {
		name, x, y string
		want       []string
	}{
		{"both are right", x + "var n, m = sub.N, http.MethodGet\n", y + "var N = http.MethodPut\n",
			nil},
		{"one is wrong", x + "var n, m = sub.N, http.MethodGet\n", y + "var N = http.Handle\n",
			[]string{"sub/y.go:5: http.Handle (rule name)"}},
		{"the variable of the one is the other's", x + "func f() { sub.N, sub.M[0] = http.MethodPut, 1 }\n",
			y + "var N, M = http.MethodPut, []int{0}\n", nil},
		{"what the one takes the other changes", x + "func f() { sub.C = http.DefaultClient }\n",
			y + "var C *http.Client\n\nfunc f() { C.Timeout = 1 }\n",
			[]string{"sub/y.go:7: C.Timeout as a variable (rule variable)"}},
		{"the one begins what the other has", x + "var n, m = sub.N(), http.MethodGet\n",
			y + "func N() int { go http.Get(``); return 1 }\n",
			[]string{"x.go:8: sub.N (rule initialiser)"}},
		{"they import each other", x + "var n, m = sub.N, http.MethodGet\n",
			"package sub\n\nimport x \"github.com/backend-labs/backend-labs/labs/b99-x\"\n\nvar N = x.N\n",
			[]string{"sub/y.go:3: could not import "}},
		{"one is not there", x + "var n, m = sub.N, http.MethodGet\n", "",
			[]string{`x.go:4: import "` + sub + `" (rule import)`}},
		{"one does not parse", x + "var n, m = sub.N, http.MethodGet\n", "package sub\n\nvar\n",
			[]string{"sub/y.go:3: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{"x.go": []byte(tt.x), "sub/y.go": []byte(tt.y)}
			if tt.y == "" {
				delete(files, "sub/y.go")
			}
			l := *l
			if strings.Contains(tt.name, "each other") {
				l.Imports = append(slices.Clone(l.Imports), strings.TrimSuffix(sub, "/sub"))
			}
			found, err := checker().Check(t.Context(), &l, files)
			got := []string{}
			for _, v := range found {
				got = append(got, v.String())
			}
			if err != nil {
				got = append(got, err.Error())
			}
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCheck_given is about files of the course's in the learner's package.
func TestCheck_given(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, src := range map[string]string{
		"given.go": "package x\n\nimport (\n\t\"os\"\n\t\"os/exec\"\n)\n\n" +
			"func Run() error { return exec.Command(os.Args[0]).Start() }\n\n" +
			"func Start(f func()) int {\n\tgo f()\n\treturn 1\n}\n\n" +
			"type T struct{}\n\nfunc (T) Error() string { go Run(); return `` }\n",
		"cmd/main.go": "package main\n\nfunc main() { mistake }\n",
		"broken.go":   "package\n",
		"early.go":    "package x\n\nvar early = Start(nil)\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, src string
		given     []string
		want      []string
	}{
		{"what they use is theirs", "var f = Run\n", nil, nil},
		{"what is not there", "var f = Run2\n", nil, []string{"x.go:3: undefined: Run2"}},
		{"what they start is the submission's, which calls them", "var n = Start(nil)\n", nil,
			[]string{"x.go:3: a go statement (rule initialiser)"}},
		{"what they start as well", "var n = Start(nil)\n", []string{"given.go", "early.go"},
			[]string{"x.go:3: a go statement (rule initialiser)"}},
		{"by a value", "func init() { f := Start; f(nil) }\n", nil,
			[]string{"x.go:3: a go statement (rule initialiser)"}},
		{"by an interface", "var e error = T{}\n\nvar s = e.Error()\n", nil,
			[]string{"x.go:3: a go statement (rule initialiser)"}},
		{"by an interface that is called before", "var s = e.Error()\n\nvar e error = T{}\n", nil,
			[]string{"x.go:5: a go statement (rule initialiser)"}},
		{"a program beside them", "var f = Run\n", []string{"given.go", "cmd/main.go", "go.txt"}, nil},
		{"one that is gone", "", []string{"gone.go"}, []string{"read gone.go of lab B99: "}},
		{"one that does not parse", "", []string{"broken.go"},
			[]string{"the course's broken.go of lab B99 does not parse: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &course.Lab{ID: "B99", Slug: "b99-x", Dir: dir, Files: []string{"x.go"}, Given: tt.given}
			if l.Given == nil {
				l.Given = []string{"given.go"}
			}
			found, err := checker().Check(t.Context(), l,
				map[string][]byte{"x.go": []byte("package x\n\n" + tt.src)})
			got := []string{}
			for _, v := range found {
				got = append(got, v.String())
			}
			if err != nil {
				got = append(got, err.Error())
			}
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestText is that what the text says is refused without any types.
func TestText(t *testing.T) {
	t.Parallel()
	got := policy.Text(lab, map[string][]byte{"x.go": []byte("package x\n\nimport \"unsafe\"\n\nfunc {"),
		"sub/y.go": []byte("package sub\n\nimport \"os\"\n\nvar x = os.Exit\n")})
	if len(got) != 1 || got[0].Line != 3 || got[0].File != "x.go" {
		t.Errorf("got %v, want the import of unsafe", got)
	}
}

func TestCheck_whatALabDoesNotAdd(t *testing.T) {
	t.Parallel()
	got := check(t, &course.Lab{Files: []string{"x.go"}},
		"package x\n\nimport (\n\t\"os\"\n\t\"golang.org/x/time/rate\"\n)\n\nvar _, _ = "+
			"os.Args, rate.Inf\n")
	want := []string{`4 import: import "os": ` + whyList + "golang.org/x/sync, golang.org/x/time/rate, and those of the standard library that reach neither the process nor the machine"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheck_tellsNotEverything(t *testing.T) {
	t.Parallel()
	got := check(t, lab, "package x\n\n"+strings.Repeat("//go:"+strings.Repeat("ü", 1000)+"\n", 1000))
	if len(got) != 20 {
		t.Errorf("got %d violations, want 20", len(got))
	}
	exits := "package x\n\nimport \"os\"\n\nfunc f()\n" + strings.Repeat("var _ = os.Exit\n", 999)
	if got := check(t, lab, exits); !strings.HasPrefix(got[0], "5 cgo: ") || len(got) != 20 {
		t.Errorf("got %q of a thousand violations, want all of them in the order of their lines", got[0])
	}
	if got := check(t, lab, exits+"var _ = os.Exit\n"); !strings.HasPrefix(got[0], "6 name: ") {
		t.Errorf("got %q of one more, want what was found last left out", got[0])
	}
	line := "//go:" + strings.Repeat("x", 95)
	if got := check(t, lab, line+"\npackage x\n"); got[0] != "1 directive: "+line+": "+whySpeaks {
		t.Errorf("got %q, want a hundred bytes as they are", got)
	}
	if want := "3 directive: //go:" + strings.Repeat("ü", 47) + "…: " + whySpeaks; got[0] != want {
		t.Errorf("got %q, want %q", got[0], want)
	}
}

// TestCheck_everySolution is that the course does not refuse its own answers, nor the stubs and the
// wrong answers that it knows: those are to fail by their checks, unless what is wrong is that they
// keep something in the package, such as a map with the store as its key.
func TestCheck_everySolution(t *testing.T) {
	t.Parallel()
	root, err := course.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range c.Labs {
		t.Run(l.Slug, func(t *testing.T) {
			t.Parallel()
			dirs, err := l.Alternatives()
			if err != nil {
				t.Fatal(err)
			}
			dirs = append(dirs, l.Dir, l.SolutionDir)
			right := len(dirs)
			for i := range l.Mutants {
				dir := t.TempDir()
				if err := l.WriteMutant(&l.Mutants[i], dir); err != nil {
					t.Fatal(err)
				}
				dirs = append(dirs, dir)
			}
			for i, dir := range dirs {
				files := map[string][]byte{}
				for _, name := range l.Files {
					if files[name], err = os.ReadFile(filepath.Join(dir,
						filepath.FromSlash(name))); err != nil {
						t.Fatal(err)
					}
				}
				found, err := checker().Check(t.Context(), l, files)
				if err != nil {
					t.Errorf("%s: %v", dir, err)
				}
				kept := slices.ContainsFunc(found, func(v policy.Violation) bool { return v.Rule == policy.RuleState })
				for _, v := range found {
					if i < right || v.Rule != policy.RuleState && !(kept && v.Rule == policy.RuleHanded) {
						t.Errorf("%s (%d of %d): %v", dir, i+1, len(dirs), v)
					}
				}
			}
		})
	}
}
