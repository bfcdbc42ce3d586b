# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real users and an admin's polkit rules, as long as a module's tests last."""

from __future__ import annotations

import json
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

RULES: Final = Path("/etc/polkit-1/rules.d/10-tests.rules")
PEOPLE: Final = {"ann": "taskpacker", "bob": "", "carl": ""}
"""Name -> the group that he is in, besides his own."""

PYTHON: Final = "/usr/lib/sd-taskpacker/bin/python3"
"""The installed one, which everybody may run, and which has the D-Bus library."""


@contextmanager
def people(rules: str) -> Iterator[None]:
    """They stay: their tasks are in history. The rules go."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name, group in PEOPLE.items():
        if name not in known:
            more = ["--groups", group] if group else []
            subprocess.run(["useradd", "--no-create-home", *more, name], check=True)
    RULES.parent.mkdir(parents=True, exist_ok=True)
    RULES.write_text(rules)
    _read_rules()
    yield
    RULES.unlink()
    _read_rules()


def _read_rules() -> None:
    """polkit looks at the directory by itself, some time later."""
    subprocess.run(["systemctl", "restart", "polkit.service"], check=True)


def ask(user: str) -> dict[str, str]:
    """What asking.py, run by him with the rows that are in /srv/rows.json, finds: row -> yes, or the error."""
    words = ["runuser", "-u", user, "--", PYTHON, "-I", "/srv/asking.py", "/srv/rows.json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
