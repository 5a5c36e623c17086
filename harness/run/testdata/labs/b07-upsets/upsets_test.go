package upsets_test

import (
	"testing"

	upsets "github.com/backend-labs/backend-labs/labs/b07-upsets"
)

func TestCount(t *testing.T)       { upsets.Count() }
func TestEOF(t *testing.T)         { upsets.EOF() }
func TestUTC(t *testing.T)         { upsets.UTC() }
func TestEncoding(t *testing.T)    { upsets.Encoding() }
func TestProcessors(t *testing.T)  { upsets.Processors() }
func TestEnvironment(t *testing.T) { upsets.Environment() }
func TestNilError(t *testing.T)    { upsets.NilError() }
func TestSwap(t *testing.T)        { upsets.Swap() }

// TestRestored changes the environment as checks may: it is put back.
func TestRestored(t *testing.T) { t.Setenv("LABS_UPSET", "1") }
