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
        self._newest: dict[tuple[str, str], Serial | None] = {}

    async def taken(self, caller: Caller, requests: Sequence[Request]) -> frozenset[TaskId]:
        """Those of the asked-for versions that history knows. Raises Internal."""
        asked = _asked_versions(caller, requests)
        return await self._loop.recall(lambda store: store.known(asked)) if asked else frozenset()

    async def on_disk(
        self, caller: Caller, requests: Sequence[Request], catalogue: Catalogue, place: Place
    ) -> dict[str, Serial]:
        """Task name -> the newest version of those directories, when the name was first asked for: the store may be
        older than they are (a backup), or new, where another was damaged or removed. What came later it knows."""
        state, found = self._loop.state, {}
        for asked in {request.unit for request in requests}:
            unit = catalogue.find(Kind.BATCH, asked) or catalogue.find(Kind.WORKORDER, asked)
            name = child_name(caller.task, asked)
            if unit is not None:
                newest = await self._newest_of(directory_of_root(state, place, caller, unit), name)
                if newest is not None:
                    found[name] = newest
        return found

    async def _newest_of(self, directory: str, name: str) -> Serial | None:
        if (directory, name) not in self._newest:
            newest = await in_thread(self._looking, self._workdirs.newest, directory, name)
            self._newest[directory, name] = newest
        return self._newest[directory, name]


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
