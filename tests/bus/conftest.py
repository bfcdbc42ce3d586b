# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real dbus-daemon of its own for every test, connections to it, and the launcher on one of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sd_taskpacker.bus.connection import Connection, connect
from sd_taskpacker.bus.systemd import Systemd
from tests.bus.private_bus import Dial, RawClient
from tests.bus.systemd_bench import Bench
from tests.bus.systemd_mock import SystemdMock

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <deny own="org.example.Forbidden"/>
  </policy>
</busconfig>
"""


@pytest.fixture
def bus_process(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Address and process of a running dbus-daemon."""
    config = tmp_path / "bus.conf"
    config.write_text(CONFIG.format(socket=tmp_path / "bus"))
    command = ["dbus-daemon", f"--config-file={config}", "--print-address", "--nofork"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip(), process
        process.kill()


@pytest.fixture
def address(bus_process: tuple[str, subprocess.Popen[str]]) -> str:
    return bus_process[0]


@pytest.fixture
async def dial(address: str) -> AsyncIterator[Dial]:
    """Opens connections; all are closed at the end."""
    opened: list[Connection] = []

    async def one_more() -> Connection:
        opened.append(await connect(address))
        return opened[-1]

    yield one_more
    for bus in opened:
        await bus.close()


@pytest.fixture
def raw_client(address: str) -> Iterator[RawClient]:
    client = RawClient(address)
    yield client
    client.close()


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    with open(tmp_path / "output.txt", "wb") as file:
        yield file.fileno()


@pytest.fixture
async def bench(dial: Dial, output: int) -> Bench:
    bus, mock = await dial(), SystemdMock(await dial())
    await mock.open()
    ends: list[tuple[str, str]] = []
    launcher = Systemd(
        bus,
        ended=lambda task_id, note: ends.append((str(task_id), note)),
        machine_cpus=4,
    )
    await launcher.open()
    return Bench(bus, mock, launcher, output, ends)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    """Descriptors of 50 different files."""
    opened = [os.open(tmp_path / f"file{number}", os.O_CREAT | os.O_RDWR) for number in range(50)]
    yield opened
    for fd in opened:
        os.close(fd)
