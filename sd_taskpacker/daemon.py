# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon: builds the edges, hands them to the engine, and tells systemd how things are.

Order at start: read what is remembered, compare it with what systemd has, take up every task where it was left,
and only then own the bus name and say READY. What waits may start from then on, and whoever listens hears of it.
At the end nothing is stopped: tasks belong to systemd.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from systemd import daemon as sd_daemon
from systemd import journal

from sd_taskpacker import __version__
from sd_taskpacker.bus.callers import Callers, judge_large
from sd_taskpacker.bus.connection import Connection, connect
from sd_taskpacker.bus.names import NAME, PATH
from sd_taskpacker.bus.polkit import Polkit
from sd_taskpacker.bus.service import ManagerInterface
from sd_taskpacker.bus.signals import BusSignals
from sd_taskpacker.bus.systemd import Systemd
from sd_taskpacker.bus.task_objects import TaskObjects
from sd_taskpacker.engine.chronicle import Chronicle
from sd_taskpacker.engine.clockset import Clocks
from sd_taskpacker.engine.desk import Desk
from sd_taskpacker.engine.herald import Herald
from sd_taskpacker.engine.life import Life
from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Budget, StoreError
from sd_taskpacker.engine.requests import Place
from sd_taskpacker.engine.retention import Retention
from sd_taskpacker.engine.state import State
from sd_taskpacker.engine.turn import Numbered
from sd_taskpacker.errors import TaskpackerError
from sd_taskpacker.host.alone import take_alone
from sd_taskpacker.host.boot import boot_id
from sd_taskpacker.host.budget import ThisMachine
from sd_taskpacker.host.budget_watch import BudgetWatch
from sd_taskpacker.host.cgroups import counter_files, unit_of_pid
from sd_taskpacker.host.commands import CommandFiles
from sd_taskpacker.host.configfile import ConfigFile
from sd_taskpacker.host.garbage import Garbage
from sd_taskpacker.host.heartbeat import Heartbeat
from sd_taskpacker.host.journal import JournalWitness
from sd_taskpacker.host.journal_writer import IDENTIFIER, JournalWriter
from sd_taskpacker.host.paths import Paths
from sd_taskpacker.host.receipts import ReceiptBox
from sd_taskpacker.host.store import SqliteStore
from sd_taskpacker.host.trust import Trust
from sd_taskpacker.host.unitdirs import UnitDirectories, default_directories
from sd_taskpacker.host.user_unit import install_user_unit
from sd_taskpacker.host.workdir import WorkDirectories
from sd_taskpacker.model.names import SLICE

log = logging.getLogger("sd-taskpacker")

START_AGAIN_SECONDS: Final = 5.0


def main() -> NoReturn:
    options = _arguments(sys.argv[1:])
    if options.install_user_unit:
        sys.exit(_install_user_unit())
    _set_up_logging()
    # A thread may plan for thousands meanwhile: with the usual 5 ms an answer, which takes a few system calls, would
    # come as many turns of that thread late.
    sys.setswitchinterval(0.001)
    paths = Paths.of(user=options.user, environ=os.environ)
    began = time.monotonic()
    try:
        status = asyncio.run(_serve(paths, user=options.user))
    except (TaskpackerError, StoreError, OSError) as error:
        log.critical("%s", error)
        sd_daemon.notify(f"STATUS={error}")
        status = error.exit_status if isinstance(error, TaskpackerError) else 1
        time.sleep(pause_before_exit(time.monotonic() - began))
    # Not by returning: the interpreter would first wait for every directory that is still to be cleared. What is
    # committed is on disk, and the next daemon takes up the rest.
    logging.shutdown()
    os._exit(status)


def pause_before_exit(lived: float) -> float:
    """systemd starts us again at once and for ever (StartLimitIntervalSec=0), since what is wrong may pass: a full
    disk, for example. Who fails at the start and not after a while, makes that a try every few seconds. Seconds."""
    return max(0.0, START_AGAIN_SECONDS - lived)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sd-taskpacker", description="Packs tasks into a budget of memory and CPUs."
    )
    parser.add_argument("--user", action="store_true", help="serve this user, on the session bus")
    parser.add_argument(
        "--install-user-unit", action="store_true", help="write the units that serve this user, and do nothing else"
    )
    parser.add_argument("--version", action="version", version=f"sd-taskpacker {__version__}")
    return parser.parse_args(arguments)


def _install_user_unit() -> int:
    try:
        written = install_user_unit(Path(sys.argv[0]).absolute(), os.environ)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sd-taskpacker: {error}\n")
        return 1
    sys.stdout.write("".join(f"{path}\n" for path in written))
    sys.stderr.write("Start it with: systemctl --user daemon-reload && systemctl --user enable --now sd-taskpacker\n")
    return 0


def _set_up_logging() -> None:
    """To the journal where systemd has connected us to it, else to the terminal."""
    connected = _is_connected()
    handler = journal.JournalHandler(SYSLOG_IDENTIFIER=IDENTIFIER) if connected else logging.StreamHandler()
    words = {"debug": logging.DEBUG, "warning": logging.WARNING, "err": logging.ERROR}
    level = words.get(os.environ.get("SYSTEMD_LOG_LEVEL", ""), logging.INFO)
    logging.basicConfig(level=level, handlers=[handler], format="%(message)s")


def _is_connected() -> bool:
    """Whether systemd has connected us to the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    return "JOURNAL_STREAM" in os.environ


def _clock() -> int:
    """usec, CLOCK_REALTIME: this and `_clocks` are the only places where a clock is read."""
    return time.time_ns() // 1_000


def _clocks() -> Clocks:
    return Clocks(
        real=_clock(),
        boot=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000,
        awake=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000,
    )


async def _serve(paths: Paths, *, user: bool) -> int:
    """Until SIGTERM (0), or until the bus is lost (1), after which systemd starts us again."""
    store = _open_store(paths.state)
    bus = await connect(user=user)
    daemon = await _build(bus, store, paths, user=user)
    daemon.heartbeat.note(idle=daemon.loop.state.is_idle)
    limits = _budget_watch()
    work = (
        daemon.loop.run(daemon.act),
        daemon.herald.run(),
        daemon.retention.run(),
        daemon.heartbeat.pulse(),
        _watch(daemon, limits),
        *(() if limits is None else (_follow_budget(daemon, limits),)),
    )
    workers = [asyncio.create_task(each) for each in work]
    try:
        await unless_over(workers, _begin(daemon, bus))
        return await _until_told(bus, workers)
    finally:
        sd_daemon.notify("STOPPING=1")
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await bus.close()


async def _begin(daemon: _Daemon, bus: Connection) -> None:
    daemon.chronicle.recovered(daemon.loop.state.open_tasks())
    await daemon.life.resume(daemon.boot_id)
    await bus.own(NAME)
    daemon.herald.announce()  # Not before: a client that listens to our name would not hear it.
    sd_daemon.notify("READY=1")
    daemon.desk.show(daemon.desk.figures())
    await daemon.loop.begin_cycles()
    await daemon.desk.start_roots()


async def unless_over(workers: Sequence[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Returns when `work` does, which asks the workers for things and would wait for ever for one that is no more.
    Raises what ended a worker meanwhile."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait([working, *workers], return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:
            if worker.done():
                worker.result()  # A worker never ends by itself; what ended it is raised here.
        await working
    finally:
        working.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Daemon:
    loop: Loop
    life: Life
    desk: Desk
    herald: Herald
    retention: Retention
    chronicle: Chronicle
    garbage: Garbage
    heartbeat: Heartbeat
    boot_id: str

    def act(self, events: Sequence[Numbered]) -> None:
        self.chronicle.act(events)
        self.life.act(events)
        self.desk.act(events)
        self.garbage.note(len(events), idle=self.loop.state.is_idle)
        self.heartbeat.note(idle=self.loop.state.is_idle)


async def _build(bus: Connection, store: SqliteStore, paths: Paths, *, user: bool) -> _Daemon:
    """Every edge, and the engine between them."""
    garbage = Garbage()
    garbage.tame()
    launcher = Systemd(
        bus,
        ended=lambda task_id, note: life.unit_over(task_id, note),
        machine_cpus=os.cpu_count() or 1,
        state_directory=None if user else str(paths.state),
    )
    await launcher.open()
    manager_cgroup = await launcher.manager_cgroup()
    machine, boot = ThisMachine(manager_cgroup=manager_cgroup), boot_id()
    budget = machine.budget()
    _warn_of_missing_limits(budget)
    loop = Loop(State(store.load(), budget), store, _clock, boot_id=boot)
    receipts = _receipt_box(paths, manager_cgroup)
    directories = default_directories(user=user, environ=os.environ)
    units = UnitDirectories(directories, trust=None if user else Trust, state=paths.state, runtime=paths.runtime)
    callers = Callers(
        bus,
        unit_of_pid=lambda pid: unit_of_pid(pid, manager_cgroup=manager_cgroup),
        own_uid=os.getuid() if user else None,
    )

    retention = Retention(loop)

    config_file = ConfigFile(paths.config)

    def configure() -> tuple[Place, str]:
        config, flaw = config_file.read()
        retention.history = config.history
        callers.trust(config.access.group, config.tasks.user)
        default_user = None if user else config.tasks.user
        state = str(paths.state)
        return Place(state_directory=state, boot_id=boot, default_user=default_user, limits=config.limits), flaw

    workdirs = WorkDirectories(paths.state, readers=None if user else lambda: callers.group)
    chronicle = Chronicle(JournalWriter(user=user, connected=_is_connected()))
    polkit = Polkit(bus, group=lambda: callers.group)
    desk = Desk(
        loop,
        configure,
        units=units,
        machine=machine,
        launcher=launcher,
        workdirs=workdirs,
        chronicle=chronicle,
        authority=polkit,
    )
    interface = ManagerInterface(desk, callers)
    signals = BusSignals(interface, bus.emit, lambda line: sd_daemon.notify(f"STATUS={line}"), sent=bus.flushed)
    desk.show = signals.figures_changed
    herald = Herald(loop.state, signals, bus.room)
    life = Life(
        loop,
        launcher=launcher,
        workdirs=workdirs,
        receipts=receipts,
        commands=CommandFiles(paths.dropins),
        witness=JournalWitness(),
        herald=herald,
    )
    bus.guard(judge_large(callers, polkit.submits))
    bus.export(PATH, interface)
    bus.add_message_handler(TaskObjects(desk.open_tasks, interface).handle)
    await desk.enforce_budget()
    return _Daemon(
        loop=loop,
        life=life,
        desk=desk,
        herald=herald,
        retention=retention,
        chronicle=chronicle,
        garbage=garbage,
        heartbeat=Heartbeat(int(os.environ.get("WATCHDOG_USEC", "0")), sd_daemon.notify),
        boot_id=boot,
    )


def _warn_of_missing_limits(budget: Budget) -> None:
    for name in budget.not_enforced:
        log.warning(
            "tasks are packed by the %s that they declare, but nothing holds them to it: this service manager has no"
            " %s controller; a user's manager has it on cgroup v2 where Delegate= of user@.service says so",
            name,
            name,
        )


def _receipt_box(paths: Paths, manager_cgroup: str) -> ReceiptBox:
    # systemd fills in the unit's name (%n) and, from the environment that bus.properties gives it, its slice.
    counters = counter_files("${TASKPACKER_SLICE}/%n", SLICE, manager_cgroup)
    box = ReceiptBox(paths.runtime / "ended", counters)
    box.create()
    box.install_dropin(paths.dropins)
    return box


def _open_store(state: Path) -> SqliteStore:
    state.mkdir(mode=0o755, parents=True, exist_ok=True)
    take_alone(state)
    store = SqliteStore(state / "state.sqlite", now=_clock())
    if store.set_aside:
        log.error("the state was damaged; it is kept as %s, and a new one begins", store.set_aside)
    return store


def _budget_watch() -> BudgetWatch | None:
    """None where the kernel has no place left for one (fs.inotify.max_user_instances)."""
    try:
        return BudgetWatch()
    except OSError as error:
        log.warning("a changed budget is noticed a while later: %s", error)
        return None


async def _watch(daemon: _Daemon, limits: BudgetWatch | None) -> None:
    """The clock changes without telling, and so may a limit. While there is no task the clock does not matter."""
    while True:
        if limits is not None and limits.is_told():
            await daemon.heartbeat.busy()
        before = _clocks()
        while await daemon.heartbeat.beat() or limits is None or not limits.is_told():
            await daemon.desk.refresh_budget()
            after = _clocks()
            try:
                await daemon.loop.follow_clock(before, after)
            except TaskpackerError as error:  # The store's. The next look finds the same difference, and more time.
                log.error("the clock was set, which cannot be remembered now: %s", error)
            else:
                before = after


async def _follow_budget(daemon: _Daemon, limits: BudgetWatch) -> None:
    """Until cancelled: reads the budget when somebody has written to a limit of ours."""
    written = asyncio.Event()
    asyncio.get_running_loop().add_reader(limits, written.set)
    while True:
        await written.wait()
        try:
            limits.again()
        except OSError as error:
            log.error("the limits of our cgroup cannot be read: %s", error)
        written.clear()
        await daemon.desk.refresh_budget()


async def _until_told(bus: Connection, workers: Sequence[asyncio.Task[None]]) -> int:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    lost, stop = asyncio.create_task(bus.lost()), asyncio.create_task(told.wait())
    done, _ = await asyncio.wait([lost, stop, *workers], return_when=asyncio.FIRST_COMPLETED)
    for worker in workers:
        if worker in done:
            worker.result()  # A worker never ends by itself; what ended it is raised here.
    stop.cancel()
    if stop in done:
        log.info("stopping; tasks go on")
        lost.cancel()
        return 0
    log.critical("%s", lost.result())
    return 1


if __name__ == "__main__":
    main()
