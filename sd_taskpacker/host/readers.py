# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may read a task's directory beside its own user: a group, and whoever submitted it, by an ACL (acl(5)).

Only the work directory itself needs them; what lies in it is readable once it can be entered, unless the task closed
it. Where the file system has no ACLs the group alone has to do.
"""

from __future__ import annotations

import errno
import grp
import os
import struct
from collections.abc import Iterator
from typing import Final

MODE: Final = 0o750

_NAME: Final = "system.posix_acl_access"
_VERSION: Final = 2
_NOBODY: Final = 0xFFFFFFFF
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_ALL, _LOOK, _NONE = 7, 5, 0


def gid_of(group: str) -> int | None:
    """None for a group that is not there (any more)."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def open_to(fd: int, *, owner: int, gid: int, reader: int) -> None:
    """Gives the directory to `owner`, and lets the group and the user `reader` look into it. Raises OSError."""
    os.fchown(fd, owner, gid)
    os.fchmod(fd, MODE)
    if reader in (0, owner):
        return
    try:
        os.setxattr(fd, _NAME, _acl(reader))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise


def _acl(reader: int) -> bytes:
    """As linux/posix_acl_xattr.h has it: a version, and (tag, permissions, id) of each entry, by tag."""
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in _entries(reader))


def _entries(reader: int) -> Iterator[tuple[int, int, int]]:
    yield _USER_OBJ, _ALL, _NOBODY
    yield _USER, _LOOK, reader
    yield _GROUP_OBJ, _LOOK, _NOBODY
    yield _MASK, _LOOK, _NOBODY
    yield _OTHER, _NONE, _NOBODY
