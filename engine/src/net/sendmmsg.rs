//! Many bundles in one call, as Linux takes them: sendmmsg(2), udp(7) for `UDP_SEGMENT`, ip(7) and
//! ipv6(7) for the address that they leave from.

use std::io;
use std::mem::{self, size_of};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::ptr;

use super::burst::{BURST, Bundle};

/// What goes with a bundle: its address, its bytes, and notes on both.
#[derive(Clone, Copy)]
struct Letter {
    to: Address,
    contents: libc::iovec,
    notes: Notes,
}

#[derive(Clone, Copy)]
#[repr(C)]
union Address {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Room for the size of the datagrams and for an address of IPv6, aligned as headers must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Notes([u8; 64]);

/// Hands the first of these (at most `BURST`) to the system; says how many it took. An error is the
/// first one's. `bytes` is what their ranges are of.
pub fn send(socket: RawFd, bundles: &[Bundle], bytes: &[u8]) -> io::Result<usize> {
    let count = bundles.len().min(BURST);
    let mut letters: Vec<Letter> = Vec::with_capacity(count);
    // SAFETY: zeros are a valid header: without an address, bytes or notes.
    let mut headers: Vec<libc::mmsghdr> = vec![unsafe { mem::zeroed() }; count];
    for bundle in bundles.iter().take(count) {
        let contents = bytes.get(bundle.range.clone()).unwrap_or_default();
        let contents =
            libc::iovec { iov_base: contents.as_ptr().cast_mut().cast(), iov_len: contents.len() };
        letters.push(Letter { to: address(bundle.to), contents, notes: Notes([0; 64]) });
    }
    for ((bundle, letter), header) in bundles.iter().zip(&mut letters).zip(&mut headers) {
        let header = &mut header.msg_hdr;
        header.msg_name = ptr::from_mut(&mut letter.to).cast();
        header.msg_namelen = match bundle.to {
            SocketAddr::V4(_) => size_of::<libc::sockaddr_in>(),
            SocketAddr::V6(_) => size_of::<libc::sockaddr_in6>(),
        } as libc::socklen_t;
        header.msg_iov = &mut letter.contents;
        header.msg_iovlen = 1;
        note(bundle, &mut letter.notes, header);
    }
    // SAFETY: each header points to a letter, which is not moved any more, and its bytes; the
    // system reads them alone, during the call.
    let sent = unsafe { libc::sendmmsg(socket, headers.as_mut_ptr(), count as libc::c_uint, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn address(to: SocketAddr) -> Address {
    match to {
        SocketAddr::V4(v4) => {
            // SAFETY: zeros are a valid address.
            let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
            address.sin_family = libc::AF_INET as libc::sa_family_t;
            address.sin_port = v4.port().to_be();
            address.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            Address { v4: address }
        }
        SocketAddr::V6(v6) => {
            // SAFETY: zeros are a valid address.
            let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            address.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            address.sin6_port = v6.port().to_be();
            address.sin6_addr.s6_addr = v6.ip().octets();
            address.sin6_scope_id = v6.scope_id();
            Address { v6: address }
        }
    }
}

/// Says of what size the datagrams are, where there are several, and whence they come.
fn note(bundle: &Bundle, notes: &mut Notes, header: &mut libc::msghdr) {
    header.msg_control = notes.0.as_mut_ptr().cast();
    let mut used = 0;
    if bundle.range.len() > bundle.size {
        used += add(header, used, libc::SOL_UDP, libc::UDP_SEGMENT, bundle.size as u16);
    }
    match bundle.from {
        Some(IpAddr::V4(from)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            used += add(header, used, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        Some(IpAddr::V6(from)) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: from.octets() },
                ipi6_ifindex: 0,
            };
            used += add(header, used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
        None => {}
    }
    header.msg_controllen = used as _;
    if used == 0 {
        header.msg_control = ptr::null_mut();
    }
}

/// Adds a note behind `used` bytes of others; gives the bytes that it takes.
fn add<T>(header: &libc::msghdr, used: usize, level: i32, kind: i32, value: T) -> usize {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: computes sizes alone.
    let (space, length) = unsafe { (libc::CMSG_SPACE(size), libc::CMSG_LEN(size)) };
    // SAFETY: the control buffer has room for all notes of a bundle (24 and 40 bytes of its 64),
    // and is aligned for a header at each multiple of 8, which spaces are.
    unsafe {
        let at = header.msg_control.cast::<u8>().add(used).cast::<libc::cmsghdr>();
        (*at).cmsg_level = level;
        (*at).cmsg_type = kind;
        (*at).cmsg_len = length as _;
        libc::CMSG_DATA(at).cast::<T>().write_unaligned(value);
    }
    space as usize
}
