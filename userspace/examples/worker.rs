// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Steps 1 and 2 of the guide in Rust, over raw sockets, without libockam or any crate:
//!
//!     worker-rs echoer        a worker that sends back what it receives
//!     worker-rs app ROUTE     sends to a route such as "h1 => echoer", prints the reply

use std::io::{Error, ErrorKind, Result};
use std::mem::size_of;
use std::os::raw::{c_int, c_void};
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

const AF_OCKAM: u16 = 18;
const SOCK_DGRAM: c_int = 2;
const SOCK_CLOEXEC: c_int = 0o2000000;

/// struct sockaddr_ockam
#[repr(C)]
#[derive(Clone, Copy)]
struct Address {
    family: u16,
    flags: u8,
    nhops: u8,
    hops: [u8; 124],
}

extern "C" {
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn bind(fd: c_int, addr: *const Address, len: u32) -> c_int;
    fn sendto(fd: c_int, buf: *const c_void, len: usize, flags: c_int,
              to: *const Address, to_len: u32) -> isize;
    fn recvfrom(fd: c_int, buf: *mut c_void, len: usize, flags: c_int,
                from: *mut Address, from_len: *mut u32) -> isize;
}

impl Address {
    fn empty() -> Address {
        Address { family: AF_OCKAM, flags: 0, nhops: 0, hops: [0; 124] }
    }

    /// A route of local addresses.
    fn of(route: &str) -> Result<Address> {
        let mut addr = Address::empty();
        let mut used = 0;
        for name in route.split("=>").map(|name| name.trim().as_bytes()) {
            if name.is_empty() || name.len() > 255 || used + 2 + name.len() > addr.hops.len() {
                return Err(Error::new(ErrorKind::InvalidInput, "no route that fits"));
            }
            addr.hops[used] = 0; // local
            addr.hops[used + 1] = name.len() as u8;
            addr.hops[used + 2..used + 2 + name.len()].copy_from_slice(name);
            used += 2 + name.len();
            addr.nhops += 1;
        }
        Ok(addr)
    }
}

/// The result of a call that gives a number, or -1.
fn check(n: isize) -> Result<usize> {
    if n < 0 { Err(Error::last_os_error()) } else { Ok(n as usize) }
}

struct Worker(OwnedFd);

impl Worker {
    fn new() -> Result<Worker> {
        let fd = unsafe { socket(AF_OCKAM.into(), SOCK_DGRAM | SOCK_CLOEXEC, 0) };
        check(fd as isize)?;
        Ok(Worker(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn bind(&self, addr: &Address) -> Result<()> {
        let len = size_of::<Address>() as u32;
        check(unsafe { bind(self.0.as_raw_fd(), addr, len) } as isize).map(|_| ())
    }

    fn send(&self, data: &[u8], to: &Address) -> Result<usize> {
        check(unsafe {
            sendto(self.0.as_raw_fd(), data.as_ptr().cast(), data.len(), 0, to,
                   size_of::<Address>() as u32)
        })
    }

    /// A message and its return route, which is where the reply goes.
    fn receive(&self) -> Result<(Vec<u8>, Address)> {
        let mut data = vec![0; 65536];
        let mut from = Address::empty();
        let mut len = size_of::<Address>() as u32;
        let n = check(unsafe {
            recvfrom(self.0.as_raw_fd(), data.as_mut_ptr().cast(), data.len(), 0,
                     &mut from, &mut len)
        })?;
        data.truncate(n);
        Ok((data, from))
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["echoer"] => {
            let worker = Worker::new()?;
            worker.bind(&Address::of("echoer")?)?;
            loop {
                let (data, from) = worker.receive()?;
                println!("Received: {}", String::from_utf8_lossy(&data));
                worker.send(&data, &from)?;
            }
        }
        ["app", route] => {
            let app = Worker::new()?;
            app.send(b"Hello Ockam!", &Address::of(route)?)?;
            let (data, _) = app.receive()?;
            println!("App Received: {}", String::from_utf8_lossy(&data));
            Ok(())
        }
        _ => {
            eprintln!("usage: worker-rs echoer | worker-rs app ROUTE");
            std::process::exit(2);
        }
    }
}
