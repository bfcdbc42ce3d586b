# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one caller may ask for, so that there is enough for the others. Over a limit it is LimitExceeded."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from sd_taskpacker.engine.state import State
from sd_taskpacker.errors import SPLIT, LimitExceeded
from sd_taskpacker.model.config import Limits
from sd_taskpacker.model.request import Caller
from sd_taskpacker.model.unit import Kind

REMEMBERED: Final = 1_024
_SETTING = "an admin can raise {} in [limits] of taskpacker.toml"


def check_waiting(state: State, limits: Limits, caller: Caller, tasks: int, weight: int) -> None:
    """Whether so many more may wait, whose arguments and parameters have `weight` characters."""
    line, uid = state.line, caller.uid
    if line.of_user(uid) + tasks > limits.waiting_per_user:
        raise _exceeded(f"more than {limits.waiting_per_user} tasks of uid {uid} would wait", "waiting_per_user")
    if len(line) + tasks > limits.waiting:
        raise _exceeded(f"more than {limits.waiting} tasks would wait", "waiting")
    for held, most, name, of in (
        (line.weight_of_user(uid), limits.waiting_mebibytes_per_user, "waiting_mebibytes_per_user", f" of uid {uid}"),
        (line.weight, limits.waiting_mebibytes, "waiting_mebibytes", ""),
    ):
        if held + weight > most << 20:
            raise _exceeded(f"the parameters of what waits{of} would be more than {most} MiB", name)


def check_workorders(state: State, limits: Limits, caller: Caller, tasks: int) -> None:
    """They start always; so one that starts itself again and again has to find an end."""
    most = limits.workorders_per_user
    running = sum(task.kind is Kind.WORKORDER and task.uid == caller.uid for task in state.running())
    if running + tasks > most:
        raise _exceeded(f"more than {most} workorders of uid {caller.uid} would run", "workorders_per_user")


def call_exceeded(text: str, setting: str) -> LimitExceeded:
    """Of what one call may ask for."""
    return LimitExceeded(text, hint=f"{SPLIT}; {_SETTING.format(setting)}")


def request_exceeded(text: str, setting: str) -> LimitExceeded:
    """Of what one request may ask for, which no splitting of the call helps."""
    return LimitExceeded(text, hint=f"give fewer values at once; {_SETTING.format(setting)}")


def _exceeded(text: str, setting: str) -> LimitExceeded:
    return LimitExceeded(text, hint=f"try again when some have ended; {_SETTING.format(setting)}")


class Rates:
    """How many calls that submit each caller has made lately: a token bucket for each user, and for each root whose
    tasks call, since tasks have one user in common. root itself has none: it can stop the daemon anyway.

    Kept as one number (the generic cell rate algorithm): the time, in usec, at which the bucket is full again.
    """

    def __init__(self) -> None:
        self._full_at: OrderedDict[tuple[int, str], int] = OrderedDict()

    def take(self, caller: Caller, limits: Limits, now: int) -> None:
        if caller.uid == 0 and caller.task is None:
            return
        key = caller.uid, caller.task.root if caller.task else ""
        one = 1_000_000 // limits.calls_per_second
        burst = one * limits.calls_at_once
        full_at = max(self._full_at.get(key, now), now)
        if full_at - now > burst:
            full_at = now + burst  # The clock was set back.
        if full_at + one > now + burst:
            raise LimitExceeded(
                f"uid {caller.uid} submits more often than {limits.calls_per_second} times a second",
                hint=f"put more into one call, or wait a little; {_SETTING.format('calls_per_second')}",
            )
        self._full_at[key] = full_at + one
        self._full_at.move_to_end(key)
        if len(self._full_at) > REMEMBERED:
            self._full_at.popitem(last=False)
