package sandbox

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"sync"
)

// HelperName is the program that is the first process of a sandbox, if it lies beside this one and
// is of the same source.
const HelperName = "labs-sandbox"

// StampArgument makes the helper print its [Stamp].
const StampArgument = "--stamp"

//go:embed *.go
var source embed.FS

// Stamp is a hash of this package's source, the same in two programs that speak the same way about
// a sandbox.
var Stamp = sync.OnceValue(func() string {
	h := sha256.New()
	fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, _ := source.ReadFile(path)
			h.Write(data)
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))
})
