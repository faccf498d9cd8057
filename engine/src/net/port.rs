//! One UDP socket: many datagrams in a call where the system can, one by one elsewhere.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Rooms for a burst of key frames to all subscribers; the system may grant less.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The largest datagram, or the largest bundle of them that the kernel joins on receipt.
const SLOT_BYTES: usize = 65_536;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;

/// A bundle handed to the kernel must fit into one IP packet.
const MAX_BUNDLE_BYTES: usize = 65_000;

/// One socket of a media thread.
#[derive(Debug)]
pub struct Port {
    /// Registered with the thread's poll.
    pub socket: UdpSocket,
    /// Where it is bound.
    pub local: SocketAddr,
    state: UdpSocketState,
}

impl Port {
    /// Binds; with `shared`, several sockets may be bound to the address, and the system spreads
    /// the datagrams over them by their addresses.
    pub fn bind(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        #[cfg(target_os = "linux")]
        if shared {
            socket.set_reuse_port(true)?;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = shared;
        socket.bind(&address.into())?;
        Self::adopt(socket.into())
    }

    fn adopt(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Best effort: containers often allow less.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_BYTES);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER_BYTES);
        Ok(Self { socket: UdpSocket::from_std(socket), local, state })
    }

    /// The same socket, for another thread to send on.
    pub fn again(&self) -> io::Result<Self> {
        let socket = socket2::SockRef::from(&self.socket).try_clone()?;
        Self::adopt(socket.into())
    }

    /// Whether the system spreads datagrams over sockets of one address.
    pub const fn can_share() -> bool {
        cfg!(target_os = "linux")
    }

    /// Reads what came, once. True when there may be more.
    pub fn receive(
        &self,
        buffers: &mut Buffers,
        mut on: impl FnMut(SocketAddr, Option<IpAddr>, &[u8]),
    ) -> io::Result<bool> {
        let mut slots: Vec<IoSliceMut<'_>> =
            buffers.bytes.chunks_mut(SLOT_BYTES).map(IoSliceMut::new).collect();
        let metas = &mut buffers.metas;
        let received = self
            .socket
            .try_io(|| self.state.recv(UdpSockRef::from(&self.socket), &mut slots, metas));
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // An earlier datagram of ours could not be delivered; told by some systems.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(true),
            Err(error) => return Err(error),
        };
        for (slot, meta) in slots.iter().zip(metas.iter()).take(count) {
            let bundle = slot.get(..meta.len).unwrap_or_default();
            for datagram in bundle.chunks(meta.stride.max(1)) {
                on(meta.addr, meta.dst_ip, datagram);
            }
        }
        Ok(true)
    }

    /// How many datagrams of `size` bytes one call may send.
    pub fn bundle(&self, size: usize) -> usize {
        (MAX_BUNDLE_BYTES / size.max(1)).min(self.state.max_gso_segments()).max(1)
    }

    /// Sends datagrams of `size` bytes (the last may be shorter) that lie one after the other.
    /// False when the system takes no more now: like any network, it loses them.
    pub fn send(&self, to: SocketAddr, from: Option<IpAddr>, bytes: &[u8], size: usize) -> bool {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: bytes,
            segment_size: (bytes.len() > size).then_some(size),
            src_ip: from.filter(|_| self.local.ip().is_unspecified()),
        };
        self.socket
            .try_io(|| self.state.try_send(UdpSockRef::from(&self.socket), &transmit))
            .is_ok()
    }
}

/// Listens on TCP. A port whose last connections still linger may be had again at once.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Memory to receive into.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<u8>,
    metas: Vec<RecvMeta>,
}

impl Buffers {
    /// For one thread; pages are only taken as datagrams fill them.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; SLOT_BYTES * BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        }
    }
}

/// The address that datagrams to the internet would leave from; nothing is sent.
pub fn primary_address(v6: bool) -> Option<IpAddr> {
    // Documentation prefixes: routed like any other address, and nobody's.
    let (any, elsewhere) = match v6 {
        true => ("[::]:0", "[2001:db8::1]:9"),
        false => ("0.0.0.0:0", "192.0.2.1:9"),
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(elsewhere).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_bundle_arrives_as_the_datagrams_it_was_made_of() {
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (from, to) = (Port::bind(local, false).unwrap(), Port::bind(local, false).unwrap());
        let sizes = [100, 100, 100, 40];
        let bytes: Vec<u8> = sizes.iter().zip(1u8..).flat_map(|(n, v)| vec![v; *n]).collect();
        if from.bundle(100) >= sizes.len() {
            assert!(from.send(to.local, None, &bytes, 100));
        } else {
            for datagram in bytes.chunks(100) {
                assert!(from.send(to.local, None, datagram, 100));
            }
        }
        let mut buffers = Buffers::new();
        let mut got = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        while got.len() < sizes.len() && Instant::now() < deadline {
            to.receive(&mut buffers, |source, _, datagram| {
                assert_eq!(source, from.local);
                got.push((datagram.len(), datagram[0]));
            })
            .unwrap();
        }
        assert_eq!(got, [(100, 1), (100, 2), (100, 3), (40, 4)]);
    }
}
