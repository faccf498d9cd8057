//! One UDP socket: many datagrams in a call where the system can, one by one elsewhere.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use super::burst::{self, Bundle};

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

    /// Sends bundles in their order, in few calls. `bytes` is what their ranges are of; `on` is
    /// told of each how many of its datagrams went. What the system takes no more now is lost, as
    /// any network loses it.
    pub fn send(&self, bundles: &[Bundle], bytes: &[u8], on: impl FnMut(&Bundle, usize)) {
        let many = |some: &[Bundle]| self.socket.try_io(|| self.send_many(some, bytes));
        burst::send_all(bundles, many, |bundle| self.send_alone(bundle, bytes), on);
    }

    #[cfg(target_os = "linux")]
    fn send_many(&self, bundles: &[Bundle], bytes: &[u8]) -> io::Result<usize> {
        use std::os::fd::AsRawFd;
        super::sendmmsg::send(self.socket.as_raw_fd(), bundles, bytes)
    }

    #[cfg(not(target_os = "linux"))]
    fn send_many(&self, bundles: &[Bundle], bytes: &[u8]) -> io::Result<usize> {
        bundles.first().map_or(Ok(0), |first| self.send_one(first, bytes).map(|()| 1))
    }

    /// For one that failed by itself. Of several datagrams it may be that the system takes no
    /// bundles after all, which `send_one` finds out: then they go one by one. Gives how many went.
    fn send_alone(&self, bundle: &Bundle, bytes: &[u8]) -> usize {
        if bundle.datagrams() == 1 {
            return 0;
        }
        if self.send_one(bundle, bytes).is_ok() {
            return bundle.datagrams();
        }
        if self.bundle(bundle.size) > 1 {
            return 0;
        }
        let starts = bundle.range.clone().step_by(bundle.size);
        starts
            .filter(|start| {
                let range = *start..bundle.range.end.min(start + bundle.size);
                self.send_one(&Bundle { range, ..bundle.clone() }, bytes).is_ok()
            })
            .count()
    }

    fn send_one(&self, bundle: &Bundle, bytes: &[u8]) -> io::Result<()> {
        let contents = bytes.get(bundle.range.clone()).unwrap_or_default();
        let transmit = Transmit {
            destination: bundle.to,
            ecn: None,
            contents,
            segment_size: (contents.len() > bundle.size).then_some(bundle.size),
            src_ip: bundle.from,
        };
        self.socket.try_io(|| self.state.try_send(UdpSockRef::from(&self.socket), &transmit))
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

    fn ports(count: usize) -> Vec<Port> {
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        (0..count).map(|_| Port::bind(local, false).unwrap()).collect()
    }

    /// What arrives at a port, until there are so many.
    fn heard(port: &Port, from: &Port, count: usize) -> Vec<(usize, u8)> {
        let (mut buffers, mut got) = (Buffers::new(), Vec::new());
        let deadline = Instant::now() + Duration::from_secs(20);
        while got.len() < count && Instant::now() < deadline {
            port.receive(&mut buffers, |source, _, datagram| {
                assert_eq!(source, from.local);
                got.push((datagram.len(), datagram[0]));
            })
            .unwrap();
        }
        got
    }

    /// Bundles of datagrams of these sizes, one after the other, and their bytes: each datagram's
    /// are its own number.
    fn letters(list: &[(SocketAddr, &[usize])]) -> (Vec<Bundle>, Vec<u8>) {
        let (mut bundles, mut bytes, mut number) = (Vec::new(), Vec::new(), 0);
        for (to, sizes) in list {
            let start = bytes.len();
            for size in *sizes {
                number += 1;
                bytes.resize(bytes.len() + size, number);
            }
            let range = start..bytes.len();
            bundles.push(Bundle { to: *to, from: None, range, size: sizes[0] });
        }
        (bundles, bytes)
    }

    #[test]
    fn bundles_to_several_arrive_as_the_datagrams_they_were_made_of() {
        let ports = ports(3);
        let (from, ann, bob) = (&ports[0], &ports[1], &ports[2]);
        if from.bundle(100) < 4 {
            return;
        }
        let list: [(SocketAddr, &[usize]); 3] =
            [(ann.local, &[100, 100, 100, 40]), (bob.local, &[70]), (ann.local, &[90, 90])];
        let (bundles, bytes) = letters(&list);
        let mut went = Vec::new();
        from.send(&bundles, &bytes, |_, count| went.push(count));
        assert_eq!(went, [4, 1, 2]);
        let to_ann = [(100, 1), (100, 2), (100, 3), (40, 4), (90, 6), (90, 7)];
        assert_eq!(heard(ann, from, 6), to_ann);
        assert_eq!(heard(bob, from, 1), [(70, 5)]);
    }

    #[test]
    fn what_the_system_refuses_takes_nothing_of_others_with_it() {
        let ports = ports(2);
        let (from, ann) = (&ports[0], &ports[1]);
        let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let list: [(SocketAddr, &[usize]); 4] = [
            (nowhere, &[50]),
            (ann.local, &[60]),
            // No datagram of IPv4 is so long.
            (ann.local, &[65_530]),
            (ann.local, &[70]),
        ];
        let (bundles, bytes) = letters(&list);
        let (mut went, most) = (Vec::new(), from.bundle(100));
        from.send(&bundles, &bytes, |_, count| went.push(count));
        assert_eq!(went, [0, 1, 0, 1]);
        assert_eq!(from.bundle(100), most, "who names an impossible address slows nobody");
        assert_eq!(heard(ann, from, 2), [(60, 2), (70, 4)]);
    }

    #[test]
    fn datagrams_leave_from_the_address_that_the_client_knows() {
        let any = Port::bind("0.0.0.0:0".parse().unwrap(), false).unwrap();
        let ann = &ports(1)[0];
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let (mut bundles, bytes) = letters(&[(ann.local, &[100, 100, 30])]);
        bundles[0].from = Some(source);
        let mut went = 0;
        any.send(&bundles, &bytes, |_, count| went += count);
        if cfg!(target_os = "linux") {
            let mut buffers = Buffers::new();
            let mut sources = Vec::new();
            let deadline = Instant::now() + Duration::from_secs(20);
            while sources.len() < went && Instant::now() < deadline {
                ann.receive(&mut buffers, |from, _, _| sources.push(from.ip())).unwrap();
            }
            assert_eq!(sources, [source; 3]);
        }
    }
}
