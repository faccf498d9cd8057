//! What leaves a media thread at the end of a turn, in as few calls as it can.

use std::ops::Range;

use super::Shard;
use crate::endpoint::Transport;
use crate::net::bundle::together;
use crate::net::burst::Bundle;
use crate::net::demux::Path;
use crate::room::Datagram;

/// Packets handed to the TCP thread in one go.
const MAX_STREAM_BUNDLE: usize = 64;

impl Shard {
    /// Sends everything: neighbours of one size to one destination as a bundle, and the bundles of
    /// each socket together.
    pub(super) fn flush(&mut self) {
        let datagrams = &self.effects.datagrams;
        let mut rest = datagrams.list();
        while let Some((first, others)) = rest.split_first() {
            let size = first.range.len();
            let to = first.destination;
            // Ours are lite: they never check. The others' checks are the only STUN requests.
            let is_check = datagrams.bytes(first.range.clone()).first().is_some_and(|b| *b < 4);
            let path = self.demux.path(to);
            if is_check && path.is_none() {
                self.demux.note_check(first.peer, to);
            }
            if to.transport == Transport::Tcp {
                let count = together(rest, MAX_STREAM_BUNDLE);
                let bytes = datagrams.bytes(span(rest, count));
                let sent = match (path, &self.streams) {
                    (Some(Path::Stream { connection, .. }), Some(streams)) => {
                        streams.send(connection, bytes, size)
                    }
                    _ => false,
                };
                self.traffic.count_out(if sent { count } else { 0 }, count, bytes.len());
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            let (index, local) = match path {
                Some(Path::Datagrams { port, local }) => (Some(port), local),
                _ => {
                    let v6 = to.address.is_ipv6();
                    (self.ports.iter().position(|port| port.local.is_ipv6() == v6), None)
                }
            };
            let found =
                index.and_then(|index| Some((self.ports.get(index)?, self.bursts.get_mut(index)?)));
            let Some((port, burst)) = found else {
                self.traffic.datagrams_dropped += 1;
                rest = others;
                continue;
            };
            let count = together(rest, port.bundle(size));
            let from = local.filter(|_| port.local.ip().is_unspecified());
            burst.push(Bundle { to: to.address, from, range: span(rest, count), size });
            rest = rest.get(count..).unwrap_or_default();
        }
        for (port, burst) in self.ports.iter().zip(&mut self.bursts) {
            port.send(burst, datagrams.all_bytes(), |bundle, sent| {
                self.traffic.count_out(sent, bundle.datagrams(), bundle.range.len());
            });
            burst.clear();
        }
        self.effects.datagrams.clear();
    }
}

/// Where the bytes of the first so many lie.
fn span(datagrams: &[Datagram], count: usize) -> Range<usize> {
    let these = datagrams.get(..count).unwrap_or(datagrams);
    let start = these.first().map_or(0, |first| first.range.start);
    start..these.last().map_or(start, |last| last.range.end)
}
