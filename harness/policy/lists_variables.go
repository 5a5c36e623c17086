package policy

import "go/types"

// variable says how a variable of another package may be used. Each may be compared, and handed to
// the functions of [cloning].
type variable struct {
	free      bool     // its value may go anywhere: nothing can be changed through it
	methods   []string // may be called on it
	arguments []string // functions that it may be handed to
	// its value may go anywhere if nothing is written through pointers to these types
	seals []string
	why   string // told of what is not allowed
}

// shared are the variables of other packages that are no error, text, number or function, which
// can be read freely anyway. One that is not on the list may be compared and cloned, and no more.
var shared = map[string]variable{
	"crypto/rand.Reader":             {free: true},
	"encoding/base32.HexEncoding":    {free: true},
	"encoding/base32.StdEncoding":    {free: true},
	"encoding/base64.RawStdEncoding": {free: true},
	"encoding/base64.RawURLEncoding": {free: true},
	"encoding/base64.StdEncoding":    {free: true},
	"encoding/base64.URLEncoding":    {free: true},
	"hash/crc32.IEEETable": {arguments: []string{"hash/crc32.Checksum", "hash/crc32.New",
		"hash/crc32.Update"}},
	"io.Discard":                   {free: true},
	"log/slog.DiscardHandler":      {free: true},
	"net/http.LocalAddrContextKey": {free: true},
	"net/http.DefaultClient": {
		methods: []string{"Do", "Get", "Head", "Post", "PostForm"},
		seals:   []string{"net/http.Client"},
		why:     "the checks use the same client: make your own, &http.Client{}",
	},
	"net/http.DefaultTransport": {
		methods: []string{"RoundTrip", "*net/http.Transport.Clone"},
		seals:   []string{roundTripper},
		why:     "the checks use it, too: Clone it, http.DefaultTransport.(*http.Transport).Clone()",
	},
	"net.DefaultResolver": {
		methods: []string{"LookupAddr", "LookupCNAME", "LookupHost", "LookupIP", "LookupIPAddr",
			"LookupMX", "LookupNS", "LookupNetIP", "LookupPort", "LookupSRV", "LookupTXT"},
		seals: []string{"net.Resolver"},
		why:   "the checks use the same resolver: make your own, &net.Resolver{}",
	},
	"net.IPv4allrouter":              {methods: ipMethods, why: whyIP},
	"net.IPv4allsys":                 {methods: ipMethods, why: whyIP},
	"net.IPv4bcast":                  {methods: ipMethods, why: whyIP},
	"net.IPv4zero":                   {methods: ipMethods, why: whyIP},
	"net.IPv6interfacelocalallnodes": {methods: ipMethods, why: whyIP},
	"net.IPv6linklocalallnodes":      {methods: ipMethods, why: whyIP},
	"net.IPv6linklocalallrouters":    {methods: ipMethods, why: whyIP},
	"net.IPv6loopback":               {methods: ipMethods, why: whyIP},
	"net.IPv6unspecified":            {methods: ipMethods, why: whyIP},
	"net.IPv6zero":                   {methods: ipMethods, why: whyIP},
	"os.Stderr":                      {free: true},
	"os.Stdout":                      {free: true},
	"os.Interrupt":                   {free: true},
	"time.Local":                     {free: true},
	"time.UTC":                       {free: true},
}

const whyIP = "its bytes are the same ones for the checks: make your own by slices.Clone"

var ipMethods = []string{"Equal", "String", "IsLoopback", "IsUnspecified"}

// sharedOf finds a variable on the list.
func sharedOf(v *types.Var) (s variable, listed bool) {
	if v.Pkg().Path() == "unicode" && !v.IsField() {
		return variable{arguments: []string{"unicode.In", "unicode.Is", "unicode.IsOneOf"}}, true
	}
	if named := namedOf(v.Type()); named != nil && typeName(named) == "net/http.ProtocolError" {
		return variable{free: true}, true
	}
	s, listed = shared[v.Pkg().Path()+"."+v.Name()]
	return s, listed
}

// sealedTypes are types of which there are values that the checks share, and that a submission can
// get a pointer to. Those that are true have fields or elements that other packages can write, such
// as encoding/json, which gets them as an any.
var sealedTypes = map[string]bool{
	"encoding/base32.Encoding": false,
	"encoding/base64.Encoding": false,
	"hash/crc32.Table":         true,
	"hash/crc64.Table":         true,
	"log/slog.Logger":          false,
	"net/http.contextKey":      false,
	"net/http.ProtocolError":   false, // its text alone: what it is remains
	"time.Location":            false,
	"unicode.RangeTable":       true,
}
