# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` settings about devices, disk images and the network (systemd.resource-control(5), systemd.exec(5))."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_absolute_path, parse_integer
from sd_taskpacker.model.quantities import INFINITY, parse_span
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.service_kind import Kind, Properties, array
from sd_taskpacker.model.service_scalars import parse_limit
from sd_taskpacker.model.values import Value

_AF_INET: Final = 2
_AF_INET6: Final = 10
_SHORTCUTS: Final = {
    "any": ("0.0.0.0/0", "::/0"),
    "localhost": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/64"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
}
_RATE = re.compile(r"(\d{1,15})([KMGTPE]?)", re.ASCII)
_RATE_UNITS: Final[Mapping[str, int]] = {
    suffix: 1000**power for power, suffix in enumerate(("", "K", "M", "G", "T", "P", "E"))
}
_DEVICE_CLASS = re.compile(r"(?:char|block)-[!-~]+", re.ASCII)
_ACCESS = re.compile(r"[rwm]{0,3}", re.ASCII)
_BIND = re.compile(r"(?:(ipv4|ipv6):)?(?:(tcp|udp):)?(?:(any)|(\d{1,5})(?:-(\d{1,5}))?)", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,}", re.ASCII)
_BPF = re.compile(r"(ingress|egress|sock_create|sock_ops|device|bind4|bind6|connect4|connect6|post_bind4|post_bind6|"
                  r"sendmsg4|sendmsg6|sysctl|recvmsg4|recvmsg6|getsockopt|setsockopt):(/.+)", re.ASCII)  # fmt: skip


def _device_allow(text: str) -> list[object]:
    """`/dev/NAME` or `char-NAME`, `block-NAME`, and which of r, w, m; systemd takes no access as all."""
    device, _, access = text.partition(" ")
    if not _DEVICE_CLASS.fullmatch(device):
        if not device.startswith(("/dev/", "/run/systemd/inaccessible/")):
            raise ValueError(f"{excerpt(device)} is neither below /dev nor char-NAME nor block-NAME")
        parse_absolute_path(device)
    if not _ACCESS.fullmatch(access.strip()):
        raise ValueError(f"{excerpt(access)} is not made of r (read), w (write) and m (make)")
    return [[device, access.strip()]]


def _per_device(read: Callable[[str], int], name: str = "") -> Kind:
    """`/path AMOUNT`"""

    def parse(text: str) -> list[object]:
        path, _, amount = text.partition(" ")
        if not amount.strip():
            raise ValueError(f"{excerpt(text)} is not a device's path and an amount")
        return [[parse_absolute_path(path), read(amount.strip())]]

    return array("a(st)", parse, name)


def _rate(text: str) -> int:
    """Base 1000, unlike memory (systemd.resource-control(5), IOReadBandwidthMax=)."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{excerpt(text)} is not a rate; write for example 10M")
    rate: int = int(match[1]) * _RATE_UNITS[match[2]]
    if not 0 < rate < INFINITY:
        raise ValueError(f"{excerpt(text)} is no rate that a device can have")
    return rate


def _addresses(text: str) -> list[object]:
    found = list[object]()
    for word in split_words(text, escapes=False):
        for one in _SHORTCUTS.get(word, (word,)):
            found.append(_network(one))
    return found


def _network(text: str) -> list[object]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        names = ", ".join(_SHORTCUTS)
        raise ValueError(f"{excerpt(text)} is not an address, an address/prefix, or one of {names}") from None
    family = _AF_INET if network.version == 4 else _AF_INET6
    return [family, network.network_address.packed, network.prefixlen]


def _socket_bind(text: str) -> list[object]:
    """`[ipv4:|ipv6:][tcp:|udp:]port|low-high|any`; a count of 0 ports means all of them."""
    match = _BIND.fullmatch(text)
    if match is None:
        raise ValueError(f"{excerpt(text)} is not a port; write for example tcp:8080 or ipv6:udp:1000-2000")
    family = {"ipv4": _AF_INET, "ipv6": _AF_INET6}.get(match[1], 0)
    protocol = {"tcp": 6, "udp": 17}.get(match[2], 0)
    if match[3]:
        return [[family, protocol, 0, 0]]
    low = parse_integer(match[4], 1, 65535)
    high = parse_integer(match[5] or match[4], low, 65535)
    return [[family, protocol, high - low + 1, low]]


def _bpf_program(text: str) -> list[object]:
    match = _BPF.fullmatch(text)
    if match is None:
        raise ValueError(f"{excerpt(text)} is not TYPE:/path/below/bpffs")
    return [[match[1], match[2]]]


def _root_hash(key: str, text: str) -> Properties:
    if text.startswith("/"):
        return ((key + "Path", Value("s", parse_absolute_path(text))),)
    if not _HEX.fullmatch(text):
        raise ValueError(f"{excerpt(text)} is neither a path nor at least 32 hexadecimal digits")
    return ((key, Value("ay", bytes.fromhex(text))),)


def _root_hash_signature(key: str, text: str) -> Properties:
    if text.startswith("/"):
        return ((key + "Path", Value("s", parse_absolute_path(text))),)
    try:
        decoded = base64.b64decode(text.removeprefix("base64:"), validate=True)
    except binascii.Error:
        decoded = b""
    if not decoded or not text.startswith("base64:"):
        raise ValueError(f"{excerpt(text)} is neither a path nor base64:...")
    return ((key, Value("ay", decoded)),)


def _image_options(text: str) -> list[object]:
    """`partition:options`, or options alone for the root partition."""
    pairs = (word.partition(":") for word in split_words(text))
    return [[first, rest] if separator else ["root", first] for first, separator, rest in pairs]


def _mount_images(text: str) -> list[object]:
    """`[-]image:where[:options | :partition:options...]`"""
    return [_mount_image(word) for word in split_words(text, escapes=False)]


def _mount_image(word: str) -> list[object]:
    source, _, rest = word.partition(":")
    where, *options = rest.split(":")
    if not where:
        raise ValueError(f"{excerpt(word)} does not say where to mount the image; write image:/directory")
    path = parse_absolute_path(source.removeprefix("-"))
    return [path, parse_absolute_path(where), source.startswith("-"), _partitions(options)]


def _extension_images(text: str) -> list[object]:
    """`[-]image[:options | :partition:options...]`"""
    images = (word.split(":") for word in split_words(text, escapes=False))
    return [
        [parse_absolute_path(source.removeprefix("-")), source.startswith("-"), _partitions(rest)]
        for source, *rest in images
    ]


def _partitions(parts: list[str]) -> list[object]:
    if len(parts) == 1:
        return [["root", parts[0]]]
    if len(parts) % 2:
        raise ValueError("mount options come as partition:options, in pairs")
    return [list(pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


DEVICE_ALLOW: Final = array("a(ss)", _device_allow)
DEVICE_RATE: Final = _per_device(lambda text: parse_limit(text, _rate))
DEVICE_WEIGHT: Final = _per_device(lambda text: parse_integer(text, 1, 10_000))
DEVICE_BLOCKIO_WEIGHT: Final = _per_device(lambda text: parse_integer(text, 10, 1_000))
DEVICE_LATENCY: Final = _per_device(parse_span, "IODeviceLatencyTargetUSec")
ADDRESSES: Final = array("a(iayu)", _addresses)
SOCKET_BIND: Final = array("a(iiqq)", _socket_bind)
BPF_PROGRAM: Final = array("a(ss)", _bpf_program)
ROOT_HASH: Final = Kind(parse=lambda key, texts: _root_hash(key, texts[0]))
ROOT_HASH_SIGNATURE: Final = Kind(parse=lambda key, texts: _root_hash_signature(key, texts[0]))
IMAGE_OPTIONS: Final = array("a(ss)", _image_options)
MOUNT_IMAGES: Final = array("a(ssba(ss))", _mount_images)
EXTENSION_IMAGES: Final = array("a(sba(ss))", _extension_images)
