# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` settings that are sets: capabilities, namespaces, CPUs, filters and flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.literals import parse_boolean, parse_choice
from sd_taskpacker.model.quoting import split_words
from sd_taskpacker.model.service_kind import Fold, Kind, Properties, array, merged, scalar, since_reset
from sd_taskpacker.model.values import Value

_UINT64_MAX: Final = (1 << 64) - 1
_MAX_CPU: Final = 8191

_CAPABILITIES: Final = {
    "cap_" + name: number
    for number, name in enumerate(
        "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service"
        " net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct"
        " sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control"
        " setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf"
        " checkpoint_restore".split()
    )
}
"""linux/capability.h."""

_NAMESPACES: Final = {
    "mnt": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
"""The CLONE_NEW* flags of linux/sched.h that systemd 252 restricts."""
_ALL_NAMESPACES: Final = sum(_NAMESPACES.values())

_SECURE_BITS: Final = {
    "noroot": 1 << 0,
    "noroot-locked": 1 << 1,
    "no-setuid-fixup": 1 << 2,
    "no-setuid-fixup-locked": 1 << 3,
    "keep-caps": 1 << 4,
    "keep-caps-locked": 1 << 5,
}

_COREDUMP: Final = {
    "private-anonymous": 1 << 0,
    "shared-anonymous": 1 << 1,
    "private-file-backed": 1 << 2,
    "shared-file-backed": 1 << 3,
    "elf-headers": 1 << 4,
    "private-huge": 1 << 5,
    "shared-huge": 1 << 6,
    "private-dax": 1 << 7,
    "shared-dax": 1 << 8,
    "default": 0x33,
    "all": 0xFFFFFFFF,
}

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_SYSCALL = re.compile(r"@?[a-z0-9_-]+(?::(?:[0-9]{1,4}|E[A-Z0-9]+|kill))?", re.ASCII)
_FAMILY = re.compile(r"AF_[A-Z0-9]+", re.ASCII)
_NAME = re.compile(r"[!-~]+", re.ASCII)


def capabilities(unset: int) -> Kind:
    """`unset` is what an unassigned set holds: all for the bounding set, none for the ambient one."""
    return merged("t", lambda texts: _fold_capabilities(texts, unset))


def _fold_capabilities(texts: Sequence[str], unset: int) -> int:
    """As config_parse_capability_set(): lines add, `~` lines take away, the first line and an empty one replace."""
    held = unset
    for text in texts:
        inverted = text.startswith("~")
        named = _capability_bits(text.removeprefix("~"))
        if not named or held == unset:
            held = ~named & _UINT64_MAX if inverted else named
        else:
            held = held & ~named if inverted else held | named
    return held


def _capability_bits(text: str) -> int:
    bits = 0
    for word in split_words(text, escapes=False):
        number = _CAPABILITIES.get(word.lower())
        if number is None:
            raise ValueError(f"{excerpt(word)} is not a capability; see capabilities(7)")
        bits |= 1 << number
    return bits


def _fold_namespaces(texts: Sequence[str]) -> int:
    """As config_parse_restrict_namespaces(): the property holds what stays *allowed*."""
    allowed: int | None = None
    for text in texts:
        if not text:
            allowed = None
        elif (whole := _boolean(text)) is not None:
            allowed = 0 if whole else _ALL_NAMESPACES
        else:
            allowed = _namespaces(text, allowed)
    return _ALL_NAMESPACES if allowed is None else allowed


def _boolean(text: str) -> bool | None:
    try:
        return parse_boolean(text)
    except ValueError:
        return None


def _namespaces(text: str, before: int | None) -> int:
    inverted = text.startswith("~")
    named = _flags(text.removeprefix("~"), _NAMESPACES)
    if before is None:
        return _ALL_NAMESPACES & ~named if inverted else named
    return before & ~named if inverted else before | named


def _flags(text: str, known: Mapping[str, int]) -> int:
    bits = 0
    for word in split_words(text, escapes=False):
        bits |= known[parse_choice(word, tuple(known))]
    return bits


def _coredump(text: str) -> int:
    bits = 0
    for word in split_words(text, escapes=False):
        number = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,16})", word)
        # A name such as "default" is no hexadecimal number, but "all" must be asked for first all the same.
        bits |= int(number[1], 16) if number and word not in _COREDUMP else _flags(word, _COREDUMP)
    return bits


def _cpu_set(texts: Sequence[str]) -> bytes:
    """`0-3,8 10` -> a bit per CPU, the lowest first (cpu_set_to_dbus())."""
    mask = 0
    for text in since_reset(texts):
        mask |= _cpus(text)
    return mask.to_bytes((mask.bit_length() + 7) // 8, "little")


def _cpus(text: str) -> int:
    mask = 0
    for word in text.replace(",", " ").split():
        match = _RANGE.fullmatch(word)
        if match is None:
            raise ValueError(f"{excerpt(word)} is not a CPU or a range of them; write for example 0-3,8")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last <= _MAX_CPU:
            raise ValueError(f"{excerpt(word)} is not a range of numbers from 0 to {_MAX_CPU}")
        mask |= (1 << last + 1) - (1 << first)
    return mask


def _affinity(key: str, texts: Sequence[str]) -> Properties:
    given = since_reset(texts)
    if "numa" not in given:
        return ((key, Value("ay", _cpu_set(given))),)
    if len(given) > 1:
        raise ValueError("numa stands alone; it cannot be joined with CPU numbers")
    return ((key + "FromNUMA", Value("b", True)),)


def _numa_mask(texts: Sequence[str]) -> bytes:
    if "all" in texts:
        raise ValueError("all depends on the machine; write the nodes as numbers, for example 0-1")
    return _cpu_set(texts)


def _filter(word: re.Pattern[str], what: str) -> Kind:
    """`~` makes a list of what is denied. (false, []) and (true, []) mean different things to systemd, so both go
    through as they are; each line is a property of its own because systemd applies them in order."""

    def read(text: str) -> list[object]:
        words = split_words(text.removeprefix("~"), escapes=False)
        for one in words:
            if not word.fullmatch(one):
                raise ValueError(f"{excerpt(one)} is not {what}")
        return [not text.startswith("~"), list(words)]

    return array("(bas)", read)


def _families() -> Kind:
    plain = _filter(_FAMILY, "an address family such as AF_INET")

    def parse(key: str, texts: Sequence[str]) -> Properties:
        # "none" is spelled as an empty allow list on the bus; systemd refuses the word itself there.
        return ((key, Value("(bas)", [True, []])),) if texts[0] == "none" else plain.parse(key, texts)

    return Kind(parse=parse, fold=plain.fold)


def _numbered(words: Mapping[str, int]) -> Callable[[str], int]:
    return lambda text: words[parse_choice(text, tuple(words))]


BOUNDING_SET: Final = capabilities(_UINT64_MAX)
AMBIENT_SET: Final = capabilities(0)
NAMESPACES: Final = merged("t", _fold_namespaces)
SECURE_BITS: Final = merged("i", lambda texts: _flags(" ".join(since_reset(texts)), _SECURE_BITS))
COREDUMP_FILTER: Final = scalar("t", _coredump)
CPU_SET: Final = merged("ay", _cpu_set)
CPU_AFFINITY: Final = Kind(parse=_affinity, fold=Fold.MERGE)
NUMA_MASK: Final = merged("ay", _numa_mask)
NUMA_POLICY: Final = scalar("i", _numbered({"default": 0, "preferred": 1, "bind": 2, "interleave": 3, "local": 4}))
SYSCALLS: Final = _filter(_SYSCALL, "a system call, or a @group of them")
FAMILIES: Final = _families()
FILE_SYSTEMS: Final = _filter(_NAME, "a file system")
INTERFACES: Final = _filter(_NAME, "a network interface")
MOUNT_FLAGS: Final = scalar("t", _numbered({"shared": 1 << 20, "slave": 1 << 19, "private": 1 << 18}))
