# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much a regular expression may backtrack, told from its syntax tree before a text is ever matched.

Python's `re` tries every way to spread a text over the repeats of a pattern, and nothing can interrupt it. Their
number is bounded by the product over what follows each other, and by a power where repeats are nested.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Final

MAX_MATCHED: Final = 256
"""Characters of a text that a pattern is tried on: it bounds each single repeat."""

_SHARE: Final = MAX_MATCHED // 2
"""The ways counted for one unbounded repeat: what one takes another cannot take. With n of them there are exactly
256^n / n!, for which this is a good measure where it matters, at 2 and 3."""

MAX_WAYS: Final = 8 * _SHARE**3
"""Three unbounded repeats one after the other and three optional parts, and nothing worse. `.*.*.*x` on 256
characters takes 30 ms, and the worst that was found, `(a?){24}b`, 600 ms."""

# The module behind `re`, in every Python since 3.11; private, without types, and the only parser of its syntax.
_parser: Any = importlib.import_module("re._parser")


def check_backtracking(pattern: str) -> None:
    """Raises ValueError for a pattern that can take too long, and what `re.compile` raises for none at all."""
    if _ways(_parser.parse(pattern)) > MAX_WAYS:
        raise ValueError(
            "can be matched in too many ways, which may take for ever: do not nest unbounded repeats and write at"
            " most 3 of them, or make them possessive, as in [a-z]++(?:-[a-z]++)*"
        )


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """At most as many as this sequence can be matched in at one place; exact only up to MAX_WAYS."""
    ways = 1
    for operator, argument in items:
        ways *= _ways_of(str(operator), argument)
        if ways > MAX_WAYS:
            break
    return ways


def _ways_of(operator: str, argument: Any) -> int:
    match operator:
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeated(*argument)
        case "POSSESSIVE_REPEAT":
            # It takes what it can and gives nothing back; but what is inside it may still try, time and again.
            return 1 if _ways(argument[2]) == 1 else _repeated(*argument)
        case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
            return _ways(argument[-1])
        case "ATOMIC_GROUP":
            return _ways(argument)
        case "BRANCH":
            return _branched(argument[1])
        case "GROUPREF_EXISTS":
            _, yes, no = argument
            return max(_ways(yes), _ways(no or ()))
        case _:
            return 1


def _repeated(low: Any, high: Any, body: Iterable[tuple[Any, Any]]) -> int:
    """One way for each number of times that is possible, and as many as the body has for each time."""
    ways = _ways(body)
    if ways == 1:
        return max(1, min(int(high) - int(low) + 1, _SHARE))
    # Two ways make too many in 25 rounds already; the power itself would be a number of thousands of digits.
    most = MAX_WAYS.bit_length()
    return sum(ways**times for times in range(min(int(low), most), min(int(high), most) + 1))


def _branched(branches: list[Any]) -> int:
    """One branch at most goes on when each begins with a character of its own."""
    ways = [_ways(branch) for branch in branches]
    # In lower case, for the pattern may ignore it.
    firsts = [chr(branch[0][1]).lower() for branch in branches if len(branch) and str(branch[0][0]) == "LITERAL"]
    return max(ways) if len(set(firsts)) == len(branches) else sum(ways)
