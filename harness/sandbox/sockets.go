package sandbox

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
