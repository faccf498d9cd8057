//! What comes to a media thread: from its sockets, from TCP connections and from other threads,
//! which hear some of what is its own.

use std::net::SocketAddr;
use std::time::Instant;

use super::Shard;
use crate::endpoint::Endpoint;
use crate::net::demux::{Owner, Path};
use crate::net::link::{STRAYS, Stray};
use crate::net::port::Buffers;

/// How often one socket is read before the rooms have their turn.
const READS: usize = 16;

/// Where a packet was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// On a socket of this thread's.
    Here,
    /// On one of another thread's.
    Shard(usize),
    /// On a TCP connection: every thread was asked that may own it.
    Stream,
}

impl Shard {
    /// Reads what came. True when there may be more: the rooms have their turn first.
    pub(super) fn read(&mut self, now: Instant, buffers: &mut Buffers) -> bool {
        let ports = std::mem::take(&mut self.ports);
        let mut more = false;
        for (index, port) in ports.iter().enumerate() {
            let read = (0..READS).all(|_| {
                let received = port.receive(buffers, |from, to, bytes| {
                    let path = Path::Datagrams { port: index, local: to };
                    self.datagram(now, Endpoint::udp(from), path, bytes, Origin::Here);
                });
                received.unwrap_or(false)
            });
            more |= read;
        }
        self.ports = ports;
        more
    }

    fn datagram(&mut self, now: Instant, from: Endpoint, path: Path, bytes: &[u8], origin: Origin) {
        let owner = self.demux.owner(from, bytes);
        if origin == Origin::Here || matches!((origin, owner), (Origin::Stream, Owner::Here(..))) {
            self.traffic.datagrams_in += 1;
            self.traffic.bytes_in += bytes.len() as u64;
        }
        match owner {
            Owner::Here(room, peer) => {
                let to = self.destination(from, path);
                self.guard(room, |room, effects| {
                    room.datagram(now, peer, (from, to), bytes, effects);
                });
                self.bind(path, origin);
            }
            Owner::There(shard) if origin == Origin::Here => self.pass(shard, from, path, bytes),
            Owner::Ask if origin == Origin::Here && self.links.len() > 1 => {
                for shard in 0..self.links.len() {
                    if shard != self.index {
                        self.pass(shard, from, path, bytes);
                    }
                }
            }
            _ => self.traffic.datagrams_dropped += 1,
        }
    }

    fn bind(&mut self, path: Path, origin: Origin) {
        let shard = self.index;
        for (peer, address) in self.effects.bound.drain(..) {
            self.demux.bind(peer, address, path);
            match (origin, path, &self.streams) {
                (Origin::Shard(other), _, _) => {
                    if let Some(link) = self.links.get(other) {
                        link.stray(Stray::Mine { shard, address });
                    }
                }
                (Origin::Stream, Path::Stream { connection, .. }, Some(streams)) => {
                    streams.prove(connection, shard);
                }
                _ => {}
            }
        }
        self.release();
    }

    /// TCP connections that lead to nobody end.
    pub(super) fn release(&mut self) {
        for connection in self.demux.released() {
            if let Some(streams) = &self.streams {
                streams.close(connection);
            }
        }
    }

    fn pass(&mut self, shard: usize, from: Endpoint, path: Path, bytes: &[u8]) {
        let stray = Stray::Datagram { shard: self.index, from, path, bytes: bytes.to_vec() };
        if !self.links.get(shard).is_some_and(|link| link.stray(stray)) {
            self.traffic.datagrams_dropped += 1;
        }
    }

    pub(super) fn take_strays(&mut self, now: Instant) {
        for _ in 0..STRAYS {
            match self.ends.strays.try_recv() {
                Ok(Stray::Datagram { shard, from, path, bytes }) => {
                    self.datagram(now, from, path, &bytes, Origin::Shard(shard));
                }
                Ok(Stray::Packet { from, path, bytes }) => {
                    self.datagram(now, from, path, &bytes, Origin::Stream);
                }
                Ok(Stray::Mine { shard, address }) => self.demux.note_elsewhere(address, shard),
                Err(_) => return,
            }
        }
    }

    /// The candidate that a datagram was sent to. Behind a translated address it is the first of
    /// its family.
    fn destination(&self, from: Endpoint, path: Path) -> Endpoint {
        let (local, ip) = match path {
            Path::Datagrams { port, local } => (self.locals.get(port).copied(), local),
            Path::Stream { local, .. } => (None, Some(local)),
        };
        let fits = |candidate: &&Endpoint| {
            candidate.transport == from.transport
                && candidate.address.is_ipv6() == from.address.is_ipv6()
        };
        let fitting = || self.candidates.iter().filter(fits);
        let exact = fitting().find(|candidate| ip == Some(candidate.address.ip()));
        exact.or_else(|| fitting().next()).copied().unwrap_or_else(|| {
            let address = local.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
            Endpoint { transport: from.transport, address }
        })
    }
}
