//! Which datagrams go to the kernel in one call.

use crate::room::Datagram;

/// How many of these, from the first on, one call can send: neighbours to one destination, of one
/// size but for the last, which may be shorter. At least one, of a list that is not empty.
pub fn together(datagrams: &[Datagram], most: usize) -> usize {
    let Some((first, others)) = datagrams.split_first() else {
        return 0;
    };
    let size = first.range.len();
    let mut count = 1;
    for next in others.iter().take(most.saturating_sub(1)) {
        if next.destination != first.destination || next.range.len() > size {
            break;
        }
        count += 1;
        if next.range.len() < size {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::ids::PeerId;
    use crate::room::Datagrams;

    fn datagrams(list: &[(u16, usize)]) -> Datagrams {
        let mut datagrams = Datagrams::default();
        for (port, size) in list {
            let to = Endpoint::udp(([192, 0, 2, 1], *port).into());
            datagrams.push(PeerId(1), to, &vec![0; *size]);
        }
        datagrams
    }

    #[test]
    fn a_bundle_ends_at_a_longer_a_shorter_or_anothers_datagram_and_when_it_is_full() {
        let count = |list: &[(u16, usize)], most| together(datagrams(list).list(), most);
        assert_eq!(count(&[(1, 90), (1, 90), (1, 91)], 64), 2);
        assert_eq!(count(&[(1, 90), (1, 70), (1, 70)], 64), 2);
        assert_eq!(count(&[(1, 90), (2, 90)], 64), 1);
        assert_eq!(count(&[(1, 90), (1, 90), (1, 90)], 2), 2);
        assert_eq!(count(&[(1, 90), (1, 90)], 1), 1);
        assert_eq!(count(&[], 64), 0);
    }
}
