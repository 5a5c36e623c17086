package policy

// still are types of other packages whose values nobody can change once they are made, other than
// by the methods of [changing].
var still = set(
	"encoding/base32.Encoding",
	"encoding/base64.Encoding",
	"encoding/binary.bigEndian",
	"encoding/binary.littleEndian",
	"github.com/redis/go-redis/v9.Script",
	"hash/crc32.Table",
	"hash/crc64.Table",
	"hash/maphash.Seed",
	"html/template.Template",
	"log/slog.Attr",
	"log/slog.JSONHandler",
	"log/slog.Logger",
	"log/slog.TextHandler",
	"log/slog.Value",
	"net/netip.Addr",
	"net/netip.AddrPort",
	"net/netip.Prefix",
	"reflect.Type",
	"regexp.Regexp",
	"strings.Replacer",
	"text/template.Template",
	"time.Location",
	"time.Time",
	"unicode.RangeTable",
	"unique.Handle",
)

// making are functions of other packages that return a function or a value of an interface which
// keeps nothing of its own, if what they get does not.
var making = set(
	"context.Background", "context.TODO",
	"errors.Join", "errors.New", "fmt.Errorf",
	"io/fs.Sub",
	"log/slog.NewJSONHandler", "log/slog.NewTextHandler", "log/slog.New",
	"net/http.HandlerFunc", "net/http.NotFoundHandler", "net/http.StripPrefix",
	"reflect.TypeFor", "reflect.TypeOf", "reflect.Type.Elem",
	"sync.OnceFunc", "sync.OnceValue", "sync.OnceValues",
)

// changing are the methods that change a value of one of the types that are still, by the type.
var changing = map[string]map[string]bool{
	"html/template.Template": set("AddParseTree", "Delims", "Funcs", "New", "Option", "Parse",
		"ParseFS", "ParseFiles", "ParseGlob"),
	"text/template.Template": set("AddParseTree", "Delims", "Funcs", "New", "Option", "Parse",
		"ParseFS", "ParseFiles", "ParseGlob"),
	"regexp.Regexp":      set("Longest", "UnmarshalText"),
	"net/netip.Addr":     set("UnmarshalBinary", "UnmarshalText"),
	"net/netip.AddrPort": set("UnmarshalBinary", "UnmarshalText"),
	"net/netip.Prefix":   set("UnmarshalBinary", "UnmarshalText"),
	"time.Time":          set("GobDecode", "UnmarshalBinary", "UnmarshalJSON", "UnmarshalText"),
}

// values are those of them that are copied rather than pointed to.
var values = set("net/netip.Addr", "net/netip.AddrPort", "net/netip.Prefix", "time.Time")

// holding are functions of other packages that put what they get into a value of a type that is
// still, which shows nothing of it: handlers, functions for templates, and whatever an any is.
var holding = set(
	"html/template.Template.Funcs", "text/template.Template.Funcs",
	"log/slog.Any", "log/slog.AnyValue", "log/slog.Group", "log/slog.GroupAttrs",
	"log/slog.Logger.With", "log/slog.New", "log/slog.NewJSONHandler", "log/slog.NewTextHandler",
)

// onces are those that keep what a function returns.
var onces = set("sync.OnceValue", "sync.OnceValues")

// reading are functions of other packages that only read the maps, the slices and the pointers that
// they get, and keep none of them.
var reading = set(
	"bytes.Compare", "bytes.Contains", "bytes.Equal", "bytes.HasPrefix", "bytes.HasSuffix",
	"bytes.Index", "bytes.Clone", "bytes.EqualFold",
	"encoding/base64.Encoding.EncodeToString", "encoding/hex.EncodeToString",
	"encoding/json.Marshal", "encoding/json.MarshalIndent", "encoding/json.Encoder.Encode",
	"errors.Is",
	"fmt.Append", "fmt.Appendf", "fmt.Appendln", "fmt.Errorf", "fmt.Fprint", "fmt.Fprintf",
	"fmt.Fprintln", "fmt.Print", "fmt.Printf", "fmt.Println", "fmt.Sprint", "fmt.Sprintf",
	"fmt.Sprintln",
	"crypto/hmac.Equal", "crypto/hmac.New", "crypto/sha256.Sum256", "crypto/sha512.Sum512",
	"crypto/subtle.ConstantTimeCompare",
	"hash/crc32.Checksum", "hash/crc32.New", "hash/crc32.Update",
	"io.Writer.Write", "net/http.ResponseWriter.Write", "hash.Hash.Write",
	"log.Print", "log.Printf", "log.Println",
	"log/slog.Any", "log/slog.Debug", "log/slog.Error", "log/slog.Info", "log/slog.Warn",
	"log/slog.Logger.Debug", "log/slog.Logger.Error", "log/slog.Logger.Info",
	"log/slog.Logger.Warn",
	"maps.All", "maps.Clone", "maps.Equal", "maps.EqualFunc", "maps.Keys", "maps.Values",
	"os.WriteFile", "reflect.DeepEqual", "reflect.TypeOf",
	"slices.All", "slices.Backward", "slices.BinarySearch", "slices.BinarySearchFunc",
	"slices.Clone", "slices.Collect", "slices.Compare", "slices.Concat", "slices.Contains",
	"slices.ContainsFunc", "slices.Equal", "slices.EqualFunc", "slices.Index",
	"slices.IndexFunc", "slices.IsSorted", "slices.IsSortedFunc", "slices.Max", "slices.MaxFunc",
	"slices.Min", "slices.MinFunc", "slices.Repeat", "slices.Sorted", "slices.Values",
	"sort.Search", "sort.SearchInts", "sort.SearchStrings",
	"strings.Join", "strings.NewReplacer",
	"text/template.Template.Execute", "html/template.Template.Execute",
	"unicode.In", "unicode.IsOneOf",
)
