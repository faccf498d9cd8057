"""Which addresses may be asked: those of the public internet, and no other."""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 addresses with an IPv4 one inside, which a network may unwrap: RFC 6052 (NAT64), RFC 8215
# (local NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP is told by its interface id)
_WRAPPING: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)
_SPECIAL: Final = (
    # what the registries call global or leave out, and is nobody's web page
    ipaddress.ip_network("192.0.0.0/24"),  # protocols of the IETF, RFC 6890
    ipaddress.ip_network("2001::/23"),  # the same, RFC 2928
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    ipaddress.ip_network("192.31.196.0/24"),  # AS112, RFC 7535
    ipaddress.ip_network("192.52.193.0/24"),  # AMT, RFC 7450
    ipaddress.ip_network("192.175.48.0/24"),  # AS112, RFC 7534
    ipaddress.ip_network("168.63.129.16/32"),  # a cloud's own services, on a public address
    ipaddress.ip_network("fec0::/10"),  # site-local, RFC 3879
    ipaddress.ip_network("2620:4f:8000::/48"),  # AS112, RFC 7534
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
    ipaddress.ip_network("5f00::/16"),  # segment routing, RFC 9602
)


def is_public(address: str) -> bool:
    """Whether a page there is one that anybody could read.

    Source: the special-purpose address registries of IANA (RFC 6890), as `ipaddress` knows them.
    """
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found.scope_id is not None or any(found in network for network in _WRAPPING):
            return False
    if any(found in network for network in _SPECIAL if network.version == found.version):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
