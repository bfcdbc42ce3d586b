# SPDX-License-Identifier: LGPL-2.1-or-later
"""What launch.py prints, measured on the booted machine."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from tests.bench.bare import Run
from tests.bench.launching import Bench
from tests.bench.meters import CpuMeter, median, percentile, resident_kib, wakeups
from tests.system.machine import SERVICE

DAEMON_PYTHON: Final = "/usr/lib/sd-taskpacker/bin/python3"


@dataclass
class Figures:
    """Of one way to launch, a value for each round."""

    rates: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def add(self, tasks: int, seconds: float, spent: dict[str, float]) -> None:
        self.rates.append(tasks / seconds)
        for name, milliseconds in spent.items():
            self.cpu.setdefault(name, []).append(milliseconds / tasks)


def measure(options: argparse.Namespace) -> None:
    bench = Bench()
    say(f"load before: {' '.join(f'{each:.1f}' for each in os.getloadavg())} on {os.cpu_count()} CPUs")
    _start_up(bench)
    say(f"idle daemon: {resident_kib(bench.daemon) / 1024:.1f} MiB")
    _wakeups(bench, options.idle)
    if options.latency:
        _latencies(bench, options.latency)
    for waiting in options.waiting:
        _fill(bench, waiting)
        _compare(bench, waiting, options.tasks, options.rounds, options.ways)
    say(f"load after: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")


def _fill(bench: Bench, waiting: int) -> None:
    before, began = resident_kib(bench.daemon), time.perf_counter()
    added = bench.fill(waiting)
    if added:
        each = (resident_kib(bench.daemon) - before) / added
        say(f"{waiting} wait, queued in {time.perf_counter() - began:.1f} s: {each:.2f} KiB of memory for each")
        began = time.perf_counter()
        bench.settle()
        each = (resident_kib(bench.daemon) - before) / added
        say(f"all of them promised a start in {time.perf_counter() - began:.1f} s: {each:.2f} KiB for each")


def _compare(bench: Bench, waiting: int, tasks: int, rounds: int, ways: Sequence[str]) -> None:
    known: dict[str, Callable[[int], Run]] = {
        "bare": bench.bare_units,
        "queue": bench.queue,
        "receipt": bench.receipt_units,
        "submit": bench.submit,
        "systemd-run": bench.systemd_run,
    }
    figures = {name: Figures() for name in ways if waiting == 0 or name not in ("submit", "systemd-run")}
    for _ in range(rounds):
        for name, of_name in figures.items():
            _round(bench, name, known[name], of_name, tasks)
    base = median(figures["bare"].rates) if "bare" in figures else 0.0
    say(f"\n{waiting} waiting, {tasks} tasks, {rounds} rounds; CPU in ms per task")
    say(f"{'':12}{'tasks/s':>8}{'ratio':>7}{'daemon':>8}{'pid1':>7}{'dbus':>7}{'journald':>9}   rounds")
    for name, each in figures.items():
        rate = median(each.rates)
        cpu = [median(each.cpu[process]) for process in ("daemon", "pid1", "dbus", "journald")]
        every = " ".join(f"{rate:.0f}" for rate in each.rates)
        ratio = rate / base if base else 0.0
        say(f"{name:12}{rate:8.0f}{ratio:7.2f}{cpu[0]:8.2f}{cpu[1]:7.2f}{cpu[2]:7.2f}{cpu[3]:9.2f}   {every}")


def _round(bench: Bench, name: str, launch: Callable[[int], Run], figures: Figures, tasks: int) -> None:
    ours = name in ("queue", "submit")
    aside: AbstractContextManager[None] = nullcontext() if ours else bench.without_daemon()
    if name == "submit":
        bench.machine.call("Resume", "")
    with aside:
        with CpuMeter(bench.pids) as meter:
            run = launch(tasks)
    if ours:
        bench.machine.call("Drain", "")
        bench.quiet()
    if run.failures or (name == "submit" and run.rejections > tasks // 10):
        say(f"{name}: {run.failures} of {tasks} failed, {run.rejections} times there was no room")
    figures.add(tasks, run.seconds, meter.spent)


def _latencies(bench: Bench, tasks: int) -> None:
    """Alternating, in four parts each."""
    bench.machine.call("Resume", "")
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(4):
        for bare, latencies in found.items():
            latencies += bench.latency(max(1, tasks // 4), bare=bare)
    for bare, latencies in found.items():
        p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
        say(f"submit to exec, {'bare' if bare else 'ours'}: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(latencies)})")
    say(f"ratio of the medians: {percentile(found[False], 50) / percentile(found[True], 50):.2f}")


def _start_up(bench: Bench) -> None:
    began, ready = (
        int(bench.machine.show(SERVICE, name))
        for name in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    )
    imports = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([DAEMON_PYTHON, "-I", "-c", "import sd_taskpacker.daemon"], check=True)
        imports.append(time.perf_counter() - start)
    say(f"start to READY: {(ready - began) / 1e6:.2f} s; an import of the daemon alone: {median(imports):.2f} s")


def _wakeups(bench: Bench, seconds: int) -> None:
    """Without WatchdogSec=: a daemon that is stopped feeds no watchdog. With it an idle one wakes up no more."""
    if not seconds:
        return
    before = wakeups(bench.daemon)
    time.sleep(seconds)
    say(f"idle daemon: {wakeups(bench.daemon) - before} wake-ups in {seconds} s")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
