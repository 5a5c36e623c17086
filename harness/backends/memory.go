package backends

import (
	"context"
	"runtime"

	"github.com/moby/moby/client"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// The data of a Postgres that ends with the command lies in memory where there is plenty: a fresh database is a copy of
// three hundred files, which costs the processor a sixth there of what it does on a disk. A server that is to last has its
// data on the disk, since what is in memory may go when its owner logs out, and does when the engine starts anew.
const (
	memoryFolder = "/dev/shm"
	memoryRoom   = 2 << 30 // bytes that the data may take: a quota for each check, and the log of changes
	memoryPlenty = 8 << 30 // bytes of memory of a machine that can spare them
)

// DataVar says where servers that labs starts have their data: "disk" for never in memory.
const DataVar = "LABS_POSTGRES_DATA"

// onDisk reports whether no data is to lie in memory, however much there is.
func (st *site) onDisk() bool { return st.Lasting || st.Getenv(DataVar) == "disk" }

// memory is the folder in memory for a server's data, or "".
func (st *site) memory() string {
	if runtime.GOOS != "linux" || st.onDisk() {
		return ""
	}
	shm, err := disk.Usage(memoryFolder)
	if err != nil || shm.Fstype != "tmpfs" || shm.Free < memoryRoom {
		return ""
	}
	ram, err := mem.VirtualMemory()
	if err != nil || ram.Total < memoryPlenty || ram.Available < 2*memoryRoom {
		return ""
	}
	return memoryFolder
}

// hasMemory reports whether the engine's machine has memory for a server's data.
func (st *site) hasMemory(ctx context.Context, e *engine) bool {
	if st.onDisk() {
		return false
	}
	info, err := e.cli.Info(ctx, client.InfoOptions{})
	return err == nil && info.Info.OSType == "linux" && info.Info.MemTotal >= memoryPlenty
}
