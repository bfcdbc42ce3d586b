# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from sd_taskpacker.host.user_unit import UNIT, install_user_unit


def test_the_unit_runs_the_program_that_wrote_it(tmp_path: Path) -> None:
    unit, activation, *slices = install_user_unit(Path("/home/ann/.local/bin/sd-taskpacker"), {"HOME": str(tmp_path)})
    assert unit == tmp_path / ".config/systemd/user/sd-taskpacker.service"
    assert "ExecStart=/home/ann/.local/bin/sd-taskpacker --user\n" in unit.read_text()
    assert activation == tmp_path / ".local/share/dbus-1/services/org.sdtaskpacker1.service"
    assert "SystemdService=sd-taskpacker.service\n" in activation.read_text()
    assert [each.parent for each in slices] == [unit.parent] * 3


def test_the_slices_say_what_batch_has_beside_others(tmp_path: Path) -> None:
    """systemd would make slices without settings where there are no files."""
    written = {each.name: each for each in install_user_unit(Path("/bin/sd-taskpacker"), {"HOME": str(tmp_path)})}
    wanted = next(line for line in written[UNIT].read_text().splitlines() if line.startswith("Wants="))
    assert set(wanted.split()[1:]) == {name for name in written if name.endswith(".slice")}
    batch = written["taskpacker-batch.slice"].read_text()
    assert "\nCPUWeight=20\n" in batch
    assert "\nIOWeight=20\n" in batch


def test_the_users_own_directories_are_honoured_and_an_older_unit_replaced(tmp_path: Path) -> None:
    environ = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": f"{tmp_path}/c", "XDG_DATA_HOME": f"{tmp_path}/d"}
    install_user_unit(Path("/old/sd-taskpacker"), environ)
    unit, activation, *slices = install_user_unit(Path("/new/sd-taskpacker"), environ)
    assert unit.is_relative_to(tmp_path / "c")
    assert activation.is_relative_to(tmp_path / "d")
    assert all(each.is_relative_to(tmp_path / "c") for each in slices)
    assert "/old/" not in unit.read_text()


@pytest.mark.parametrize("program", ["bin/sd-taskpacker", "/my programs/sd-taskpacker", "/a%b/sd-taskpacker"])
def test_a_path_that_systemd_would_read_otherwise_is_refused(tmp_path: Path, program: str) -> None:
    with pytest.raises(ValueError, match="ExecStart="):
        install_user_unit(Path(program), {"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
