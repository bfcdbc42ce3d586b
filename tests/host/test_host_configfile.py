# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from sd_taskpacker.host.configfile import ConfigFile

GOOD = '[access]\ngroup = "ops"\n[limits]\nwaiting = 7\n'
SLIPS = {"no TOML": b"[access\n", "no text": b"\xff", "a key twice": b"[access]\ngroup='a'\ngroup='b'\n"}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_changes_nothing_until_it_is_corrected(tmp_path: Path, slip: str) -> None:
    path = tmp_path / "taskpacker.toml"
    file = ConfigFile(path)
    path.write_text(GOOD)
    config, flaw = file.read()
    assert (config.access.group, config.limits.waiting, flaw) == ("ops", 7, "")
    path.write_bytes(SLIPS[slip])
    kept, flaw = file.read()
    assert kept == config
    assert str(path) in flaw
    assert "what it said before stays in force" in flaw
    path.unlink()
    config, flaw = file.read()
    assert (config.access.group, flaw) == ("taskpacker", "")


def test_at_the_start_a_slip_is_told_and_the_defaults_are_in_force(tmp_path: Path) -> None:
    path = tmp_path / "taskpacker.toml"
    path.mkdir()
    config, flaw = ConfigFile(path).read()
    assert config.access.group == "taskpacker"
    assert "the defaults are in force" in flaw
