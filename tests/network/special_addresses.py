"""Every special-purpose block of addresses, and every way to write IPv4 inside IPv6.

Source: RFC 6890 tables 1 to 29, as updated by RFC 8190, and the two IANA registries that carry it
on: https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry. Multicast is RFC 5771 and RFC 4291,
site-local RFC 3879; the metadata addresses are those that clouds document.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

# Blocks that the registries call globally reachable (AS112, AMT) are refused as well.
IPV4 = {
    "0.0.0.0/8": "this host on this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.0.0/29": "DS-Lite",
    "192.0.2.0/24": "TEST-NET-1",
    "192.31.196.0/24": "AS112-v4",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay anycast",
    "192.168.0.0/16": "private use",
    "192.175.48.0/24": "direct delegation AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "TEST-NET-2",
    "203.0.113.0/24": "TEST-NET-3",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "limited broadcast",
    "169.254.169.254/32": "metadata of AWS, Google, Azure and others",
    "100.100.100.200/32": "metadata of Alibaba",
    "192.0.0.192/32": "metadata of Oracle",
    "168.63.129.16/32": "host services of Azure",
}
IPV6 = {
    "::1/128": "loopback",
    "::/128": "unspecified",
    "64:ff9b::/96": "IPv4-IPv6 translation",
    "64:ff9b:1::/48": "local IPv4-IPv6 translation",
    "::ffff:0:0/96": "IPv4-mapped",
    "::/96": "IPv4-compatible",
    "100::/64": "discard-only",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments",
    "2001::/32": "Teredo",
    "2001:1::1/128": "port control protocol anycast",
    "2001:1::2/128": "TURN anycast",
    "2001:2::/48": "benchmarking",
    "2001:3::/32": "AMT",
    "2001:4:112::/48": "AS112-v6",
    "2001:10::/28": "ORCHID",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "drone remote id",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "direct delegation AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fec0::/10": "site-local",
    "fe80::/10": "link-local",
    "ff00::/8": "multicast",
    "fd00:ec2::254/128": "metadata of AWS",
}


class Target(NamedTuple):
    """An address that must not be reached, and why."""

    address: IPv4Address | IPv6Address
    what: str


def _mapped(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(0xFFFF << 32 | int(ip))


def _compatible(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(int(ip))


def _translated(ip: IPv4Address) -> IPv6Address:
    """::ffff:0:a.b.c.d. Source: RFC 2765 section 2.1."""
    return IPv6Address(0xFFFF << 48 | int(ip))


def _nat64(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b::")) | int(ip))


def _local_nat64(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b:1::")) | int(ip))


def _sixtofour(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(0x2002 << 112 | int(ip) << 80 | 1)


def _teredo_server(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(0x20010000 << 96 | int(ip) << 64 | 1)


def _teredo_client(ip: IPv4Address) -> IPv6Address:
    """The client's address has every bit turned round. Source: RFC 4380 section 4."""
    return IPv6Address(0x20010000 << 96 | 0x05050505 << 64 | int(ip) ^ 0xFFFFFFFF)


DISGUISES: dict[str, Callable[[IPv4Address], IPv6Address]] = {
    "mapped": _mapped,
    "compatible": _compatible,
    "translated": _translated,
    "NAT64": _nat64,
    "local NAT64": _local_nat64,
    "6to4": _sixtofour,
    "Teredo server": _teredo_server,
    "Teredo client": _teredo_client,
}


def samples(network: IPv4Network | IPv6Network) -> Iterator[IPv4Address | IPv6Address]:
    """The first, the second, one in the middle and the last address of a block."""
    first, size = network.network_address, network.num_addresses
    for offset in sorted({0, min(1, size - 1), size // 2, size - 1}):
        yield first + offset


def targets() -> Iterator[Target]:
    """Everything that must not be reached."""
    seen: set[IPv4Address | IPv6Address] = set()

    def fresh(target: Target) -> Iterator[Target]:
        if target.address not in seen:
            seen.add(target.address)
            yield target

    for block, what in IPV4.items():
        for address in samples(IPv4Network(block)):
            yield from fresh(Target(address, f"{block} {what}"))
            for name, disguise in DISGUISES.items():
                assert isinstance(address, IPv4Address)
                yield from fresh(Target(disguise(address), f"{block} {what}, {name}"))
    for block, what in IPV6.items():
        for address in samples(IPv6Network(block)):
            yield from fresh(Target(address, f"{block} {what}"))
