# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a caller is told when its call fails: our errors under their bus name, and nothing about our own faults."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from dbus_next import DBusError

from sd_taskpacker.bus.text import bus_text
from sd_taskpacker.errors import Internal, InvalidArgs, TaskpackerError

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def replies(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """For interface methods: our errors go to the client under their bus name, all others to the journal."""

    @functools.wraps(method)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except TaskpackerError as error:
            raise as_bus_error(error) from error
        except DBusError:
            raise
        except Exception as error:  # The client must get an answer; the traceback is for the admin only.
            log.exception("%s failed", method.__name__)
            raise as_bus_error(our_fault()) from error

    return answered


def as_bus_error(error: TaskpackerError) -> DBusError:
    return DBusError(error.bus_name(), bus_text(error.bus_text()))


def our_fault() -> Internal:
    return Internal("the service could not do this because of a fault of its own", hint="its journal has the details")


def unreadable(error: Exception) -> InvalidArgs:
    return InvalidArgs("the message cannot be read", hint=f"its values are malformed: {error}")
