# SPDX-License-Identifier: LGPL-2.1-or-later
r"""A task's command as ExecStart=, such that `systemctl daemon-reload` leaves it as it is.

systemd keeps a transient unit in a file and reads that again with every reload, which each installation of a package
does. A start job may still wait then, and runs what was read. Measured with systemd 252: `$` and `;` are written as
`\$` and `\;`, which systemd does not know as escapes and leaves as two characters (36 of 300 units that were started
during reloads ran another command, and most of them ended well). ExecStartEx=, with no-env-expand, is written under a
name that systemd cannot read at all: the unit is then "bad-setting".

So a command with one of the two goes by the environment, which is written and read faithfully, to a shell that
becomes the command. That costs a millisecond, and a program that is not there is then status 127 of the shell.
"""

from __future__ import annotations

import shlex
from typing import Final

from sd_taskpacker.model.values import Value

VARIABLE: Final = "TASKPACKER_COMMAND"
"""Gone when the program runs."""
SHELL: Final = ("/bin/sh", "-c", f'eval "`/usr/bin/printenv {VARIABLE}`"')

_BROKEN_BY_RELOAD: Final = frozenset("$;")
_MAX_BYTES: Final = 120 << 10
"""The kernel takes no variable of 128 KiB or more (MAX_ARG_STRLEN)."""


def exec_start(argv: tuple[str, ...]) -> Value:
    """One command line as (path, argv, ignore failure); bus_set_transient_exec_command, src/core/dbus-execute.c.

    Even over the bus systemd expands $X and ${X} in arguments; `$$` is a plain `$` (systemd.service(5)).
    """
    words = SHELL if carried(argv) else tuple(word.replace("$", "$$") for word in argv)
    return Value("a(sasb)", [[words[0], list(words), False]])


def carried(argv: tuple[str, ...]) -> list[str]:
    """What the environment has for the shell; empty when the command goes by itself, and where it must because
    systemd refuses such a variable."""
    if not any(_BROKEN_BY_RELOAD.intersection(word) for word in argv):
        return []
    text = f"{VARIABLE}=unset {VARIABLE}\nexec {shlex.join(argv)}"
    # env_value_is_valid(), src/basic/env-util.c.
    if (
        any(ord(c) < 32 and c not in "\t\n" or ord(c) == 127 for c in text)
        or len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES
    ):
        return []
    return [text]
