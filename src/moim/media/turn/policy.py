"""Where a relay must never send to, whoever asks: everything that is not the public internet.

A TURN server sends what strangers give it from inside the network that it stands in. Without this
list it would be a door to that network: the router's page, a database, a cloud's metadata service.

Source: RFC 6890 and the IANA special-purpose address registries that it founded; RFC 8656 section
21.4 (relay abuse).
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

Network = IPv4Network | IPv6Network

DENIED_IPV4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this network"; 0.0.0.0 itself reaches the machine's own sockets
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # between a provider and its customers (CGNAT), and a metadata address
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: 169.254.169.254 is the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments, with DS-Lite; 192.0.0.192 is metadata too
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # the way into 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
"""168.63.129.16, Azure's host services, looks public and is denied by `METADATA`."""

METADATA: Final = (IPv4Network("168.63.129.16/32"),)
"""Services of a cloud for its machines at addresses that look public."""

DENIED_IPV6: Final = (
    # Of 2000::/3, all that is assigned to be reached, these are not places:
    IPv6Network("2001::/23"),  # IETF protocol assignments: Teredo, benchmarks, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4 carries an IPv4 address
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),  # documentation
    # Outside of 2000::/3 nothing is: unique local, link-local, site-local, multicast, and the
    # forms that carry an IPv4 address (mapped, compatible, NAT64, SRv6, discard-only) are all here.
    IPv6Network("4000::/2"),
    IPv6Network("8000::/1"),
    IPv6Network("1000::/4"),
    IPv6Network("::/4"),
)


def denied_networks() -> tuple[Network, ...]:
    """Every network that a relay refuses, IPv4 first."""
    return (*DENIED_IPV4, *METADATA, *DENIED_IPV6)
