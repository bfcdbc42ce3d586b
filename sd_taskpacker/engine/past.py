# SPDX-License-Identifier: LGPL-2.1-or-later
"""What requests must not use a second time: versions that history knows, and directories that nobody remembers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sd_taskpacker.engine.loop import Loop
from sd_taskpacker.engine.ports import Workdirs
from sd_taskpacker.engine.requests import Place, directory_of_root
from sd_taskpacker.engine.threads import in_thread
from sd_taskpacker.model.names import TaskId, child_name
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.serials import Serial
from sd_taskpacker.model.unit import Catalogue, Kind


class Past:
    def __init__(self, loop: Loop, workdirs: Workdirs) -> None:
        self._loop = loop
        self._workdirs = workdirs
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="past")

    async def taken(self, caller: Caller, requests: Sequence[Request]) -> frozenset[TaskId]:
        """Those of the asked-for versions that history knows. Raises Internal."""
        asked = _asked_versions(caller, requests)
        return await self._loop.recall(lambda store: store.known(asked)) if asked else frozenset()

    async def on_disk(
        self, caller: Caller, requests: Sequence[Request], catalogue: Catalogue, place: Place
    ) -> dict[str, Serial]:
        """Task name -> the newest version of those directories. Read only for names that were never used as far as we
        know: the store that knew may have been damaged, or removed."""
        state, found = self._loop.state, {}
        for asked in {request.unit for request in requests}:
            unit = catalogue.find(Kind.BATCH, asked) or catalogue.find(Kind.WORKORDER, asked)
            name = child_name(caller.task, asked)
            if unit is not None and state.serial(name) is None:
                directory = directory_of_root(state, place, caller, unit)
                newest = await in_thread(self._looking, self._workdirs.newest, directory, name)
                if newest is not None:
                    found[name] = newest
        return found


def _asked_versions(caller: Caller, requests: Sequence[Request]) -> list[TaskId]:
    """The ids that are asked for by version; malformed ones are left to the check that follows."""
    asked = []
    for request in requests:
        version = request.args.get("version")
        if version is not None and isinstance(version.data, str):
            try:
                asked.append(TaskId.make(child_name(caller.task, request.unit), version.data))
            except ValueError:
                continue
    return asked
