"""Whom limits count as one: an address, or the network of one customer."""

import ipaddress

IPV6_CUSTOMER_BITS = 64
"""What one customer has at least, all 2^64 addresses of it (RFC 6177)."""


def household(host: str) -> str:
    """The address of a host, or its /64 for IPv6; anything else stays as it is.

    A socket that takes both families shows IPv4 as ::ffff:a.b.c.d; that is one address, too.
    """
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_CUSTOMER_BITS), strict=False))
