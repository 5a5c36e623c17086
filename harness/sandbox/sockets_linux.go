package sandbox

import (
	"os"
	"path/filepath"
	"strings"
)

// socketSettings bound what sockets keep in the kernel, which no limit of the process counts: the
// buffers of a TCP socket (the least, the default and the most, in bytes), of which it has one in
// each direction, and the connections that wait at a listener, which have buffers and no
// descriptor. They are a network namespace's own.
// https://docs.kernel.org/networking/ip-sysctl.html
var socketSettings = map[string]string{
	"net.ipv4.tcp_rmem":  "4096 65536 131072",
	"net.ipv4.tcp_wmem":  "4096 16384 65536",
	"net.core.somaxconn": "128",
}

// boundSockets applies the settings to this process's network namespace. Where the kernel does not
// let it, the probe of the sandbox says so.
func boundSockets() {
	for name, value := range socketSettings {
		file := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		os.WriteFile(file, []byte(value), 0o644)
	}
}
