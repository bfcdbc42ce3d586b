# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a kind of `[Service]` setting is: how its text becomes systemd properties, and what a second line does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sd_taskpacker.model.values import Value

Properties = tuple[tuple[str, Value], ...]
"""(D-Bus property, value) as StartTransientUnit takes them; mostly one, two for a resource limit."""


class Fold(StrEnum):
    """What several assignments of one key make together (systemd.syntax(7), and the parser of each setting)."""

    LAST = "last"
    """The last one counts; an empty one returns to the default."""
    EACH = "each"
    """One property per assignment: systemd appends. An empty one drops those before it."""
    MERGE = "merge"
    """All together make one property, because over D-Bus systemd replaces where in a file it merges. The parser is
    given all texts, the empty ones too: for a capability set an empty one does not mean "default" but "none"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`parse(key, texts)` has one text unless the kind merges. Raises ValueError."""

    parse: Callable[[str, Sequence[str]], Properties]
    fold: Fold = Fold.LAST


def scalar(signature: str, read: Callable[[str], object]) -> Kind:
    """One property of the setting's own name."""
    return Kind(parse=lambda key, texts: ((key, Value(signature, read(texts[0]))),))


def each(parse: Callable[[str, str], Properties]) -> Kind:
    return Kind(parse=lambda key, texts: parse(key, texts[0]), fold=Fold.EACH)


def array(signature: str, read: Callable[[str], object], name: str = "") -> Kind:
    """A list that systemd appends to, under the setting's name or under `name`."""
    return each(lambda key, text: ((name or key, Value(signature, read(text))),))


def merged(signature: str, read: Callable[[Sequence[str]], object]) -> Kind:
    return Kind(parse=lambda key, texts: ((key, Value(signature, read(texts))),), fold=Fold.MERGE)


def since_reset(texts: Sequence[str]) -> Sequence[str]:
    """The texts after the last empty one."""
    resets = [index for index, text in enumerate(texts) if not text]
    return texts[resets[-1] + 1 :] if resets else texts
