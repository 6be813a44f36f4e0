// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

// Steps 1 and 2 of the guide in Go, over raw sockets, without libockam:
//
//	worker-go echoer        a worker that sends back what it receives
//	worker-go app ROUTE     sends to a route such as "h1 => echoer", prints the reply
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

const afOckam = 18

// sockaddr is struct sockaddr_ockam.
type sockaddr struct {
	family uint16
	flags  uint8
	nhops  uint8
	hops   [124]byte
}

// address makes a route of local addresses.
func address(route string) (*sockaddr, error) {
	addr := &sockaddr{family: afOckam}
	used := 0
	for _, name := range strings.Split(route, "=>") {
		name = strings.TrimSpace(name)
		if name == "" || len(name) > 255 || used+2+len(name) > len(addr.hops) {
			return nil, fmt.Errorf("%q is no route that fits", route)
		}
		addr.hops[used] = 0 // local
		addr.hops[used+1] = byte(len(name))
		used += 2 + copy(addr.hops[used+2:], name)
		addr.nhops++
	}
	return addr, nil
}

func call(what string, number uintptr, a, b, c, d, e, f uintptr) uintptr {
	for {
		n, _, errno := syscall.Syscall6(number, a, b, c, d, e, f)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			fmt.Fprintf(os.Stderr, "%s: %v\n", what, errno)
			os.Exit(1)
		}
		return n
	}
}

func open() uintptr {
	return call("socket", syscall.SYS_SOCKET, afOckam,
		syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0, 0, 0, 0)
}

func send(fd uintptr, data []byte, to *sockaddr) {
	var start unsafe.Pointer
	if len(data) > 0 {
		start = unsafe.Pointer(&data[0])
	}
	call("sendto", syscall.SYS_SENDTO, fd, uintptr(start), uintptr(len(data)), 0,
		uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
}

// receive returns a message and its return route, which is where the reply goes.
func receive(fd uintptr) ([]byte, *sockaddr) {
	data := make([]byte, 65536)
	from := new(sockaddr)
	size := uint32(unsafe.Sizeof(*from))
	n := call("recvfrom", syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&data[0])),
		uintptr(len(data)), 0, uintptr(unsafe.Pointer(from)),
		uintptr(unsafe.Pointer(&size)))
	return data[:n], from
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "echoer" {
		name, _ := address("echoer")
		fd := open()
		call("bind", syscall.SYS_BIND, fd, uintptr(unsafe.Pointer(name)),
			unsafe.Sizeof(*name), 0, 0, 0)
		for {
			data, from := receive(fd)
			fmt.Printf("Received: %s\n", data)
			send(fd, data, from)
		}
	}
	if len(os.Args) != 3 || os.Args[1] != "app" {
		fmt.Fprintln(os.Stderr, "usage: worker-go echoer | worker-go app ROUTE")
		os.Exit(2)
	}
	to, err := address(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fd := open()
	send(fd, []byte("Hello Ockam!"), to)
	data, _ := receive(fd)
	fmt.Printf("App Received: %s\n", data)
}
