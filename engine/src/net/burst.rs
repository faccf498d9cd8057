//! The bundles of one turn, handed to the system in as few calls as it can: sendmmsg on Linux,
//! one call for each elsewhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// Bundles in one call.
pub const BURST: usize = 64;

/// Datagrams to one destination that lie one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Where to.
    pub to: SocketAddr,
    /// Of our addresses, the one that the client knows.
    pub from: Option<IpAddr>,
    /// Where its bytes lie.
    pub range: Range<usize>,
    /// Bytes of a datagram; the last may be shorter.
    pub size: usize,
}

impl Bundle {
    /// How many datagrams it is.
    pub fn datagrams(&self) -> usize {
        self.range.len().div_ceil(self.size.max(1))
    }
}

/// Sends all of them, in their order. `many` hands the first ones to the system in one call, and
/// says how many it took; an error is the first one's. One that fails for itself is tried by
/// `alone`, which says how many of its datagrams went. One that finds no room is lost, as in any
/// network; those behind it are tried all the same, since they may be smaller. `on` is told of
/// each bundle how many of its datagrams went.
pub fn send_all(
    bundles: &[Bundle],
    mut many: impl FnMut(&[Bundle]) -> io::Result<usize>,
    mut alone: impl FnMut(&Bundle) -> usize,
    mut on: impl FnMut(&Bundle, usize),
) {
    let mut rest = bundles;
    while let Some((first, others)) = rest.split_first() {
        match many(rest.get(..BURST).unwrap_or(rest)) {
            Ok(count) if count > 0 => {
                let (gone, left) = rest.split_at(count.min(rest.len()));
                gone.iter().for_each(|bundle| on(bundle, bundle.datagrams()));
                rest = left;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                on(first, 0);
                rest = others;
            }
            _ => {
                on(first, alone(first));
                rest = others;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(port: u16, datagrams: usize) -> Bundle {
        let to = ([192, 0, 2, 1], port).into();
        Bundle { to, from: None, range: 0..datagrams * 10 - 1, size: 10 }
    }

    /// What became of each port's datagrams, and how many calls it took.
    fn sent(
        bundles: &[Bundle],
        mut many: impl FnMut(&[Bundle]) -> io::Result<usize>,
    ) -> (Vec<(u16, usize)>, usize) {
        let (mut told, mut calls) = (Vec::new(), 0);
        let counted = |some: &[Bundle]| {
            calls += 1;
            many(some)
        };
        send_all(
            bundles,
            counted,
            |one| one.datagrams() - 1,
            |one, count| {
                told.push((one.to.port(), count));
            },
        );
        (told, calls)
    }

    #[test]
    fn what_the_system_takes_in_part_goes_on_where_it_stopped() {
        let bundles = [bundle(1, 3), bundle(2, 1), bundle(3, 2)];
        let (told, calls) = sent(&bundles, |some| Ok(some.len().min(2)));
        assert_eq!((told, calls), (vec![(1, 3), (2, 1), (3, 2)], 2));
        let many: Vec<Bundle> = (0..150).map(|port| bundle(port, 1)).collect();
        let (told, calls) = sent(&many, |some| Ok(some.len()));
        assert_eq!((told.len(), calls), (150, 150usize.div_ceil(BURST)));
        assert!(told.iter().map(|(port, _)| *port).eq(0..150));
    }

    #[test]
    fn one_that_finds_no_room_is_lost_and_one_that_is_refused_is_tried_alone() {
        let bundles = [bundle(1, 1), bundle(2, 4), bundle(3, 4), bundle(4, 1)];
        let mut interrupted = false;
        let (told, _) = sent(&bundles, |some| match some[0].to.port() {
            2 => Err(io::ErrorKind::WouldBlock.into()),
            3 if !std::mem::replace(&mut interrupted, true) => {
                Err(io::ErrorKind::Interrupted.into())
            }
            3 => Err(io::ErrorKind::InvalidInput.into()),
            _ => Ok(1),
        });
        assert_eq!(told, [(1, 1), (2, 0), (3, 3), (4, 1)]);
    }
}
