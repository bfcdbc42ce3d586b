# SPDX-License-Identifier: LGPL-2.1-or-later
"""What fuzzing began with and what it found: none of it breaks a promise any more. tests/fuzz/run looks for more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz import messages, names, parameters, unit_files

CORPUS: Final = Path(__file__).with_name("corpus")
TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "messages": messages.target,
    "names": names.target,
    "parameters": parameters.target,
    "unit_files": unit_files.target,
}


@pytest.mark.parametrize("seed", sorted(CORPUS.glob("*/*")), ids=lambda seed: f"{seed.parent.name}/{seed.name}")
def test_a_seed_breaks_no_promise(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_each_target_has_seeds_and_all_of_them_are_small() -> None:
    seeds = list(CORPUS.glob("*/*"))
    assert {seed.parent.name for seed in seeds} == TARGETS.keys()
    assert sum(seed.stat().st_size for seed in seeds) < 200_000
