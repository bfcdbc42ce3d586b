# SPDX-License-Identifier: LGPL-2.1-or-later
"""What waits, in the order in which it came, each task with the candidate that the planner sees of it.

A candidate is made when it is first needed and kept while it is true, so that a plan of thousands does not make
thousands anew.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator

from sd_taskpacker.model.names import TaskId
from sd_taskpacker.model.task import Task
from sd_taskpacker.plan.snapshot import Candidate
from sd_taskpacker.plan.standing import Standing, Want


class Line:
    """`expected` tells how long (usec) a task of a name takes when nobody says, `learnt` whether that is known."""

    def __init__(self, expected: Callable[[str], int], learnt: Callable[[str], bool]) -> None:
        self._expected = expected
        self._learnt = learnt
        self._tasks: dict[str, Task] = {}
        self._candidates: dict[str, Candidate] = {}
        self._dropping: dict[str, tuple[int, Task]] = {}
        self._of_user: Counter[int] = Counter()
        self._weights: Counter[int] = Counter()
        self.standing = Standing()
        """The same tasks, as decisions need them where many wait."""

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        """Goes on while tasks are removed."""
        return iter(list(self._tasks.values()))

    def of_user(self, uid: int) -> int:
        """How many of that user's wait."""
        return self._of_user[uid]

    def weight_of_user(self, uid: int) -> int:
        """About how many characters of theirs that user's carry."""
        return self._weights[uid]

    @property
    def weight(self) -> int:
        return self._weights.total()

    def find(self, key: str) -> Task | None:
        """By its key in a plan, which is its id."""
        return self._tasks.get(key)

    def dropping(self) -> list[tuple[int, Task]]:
        """Those that are dropped when their deadline (usec) has passed, each with it."""
        return list(self._dropping.values())

    def candidates(self) -> list[Candidate]:
        expected = functools.cache(self._expected)
        found = []
        for key, task in self._tasks.items():
            duration = task.expected_usec or expected(task.id.name)
            made = self._candidates.get(key)
            if made is None or made.duration != duration:
                learnt = self._learnt(task.id.name)
                made = self._candidates[key] = candidate(task, key=key, expected=duration, learnt=learnt)
            found.append(made)
        return found

    def put(self, task: Task) -> None:
        """A new one comes last; one that is here already is changed and keeps its place."""
        key = str(task.id)
        if key not in self._tasks:
            self._of_user[task.uid] += 1
            self._weights[task.uid] += task.weight
        self._tasks[key] = task
        self._dropping.pop(key, None)
        if task.deadline_usec is not None and not task.runs_late:
            self._dropping[key] = task.deadline_usec, task
        self._candidates.pop(key, None)
        self.standing.put(key, _want(task), submitted=task.submitted_usec, promised=task.promised_usec)

    def remove(self, task_id: TaskId) -> None:
        key = str(task_id)
        task = self._tasks.pop(key, None)
        if task is not None:
            self._of_user[task.uid] -= 1
            self._weights[task.uid] -= task.weight
        self._dropping.pop(key, None)
        self._candidates.pop(key, None)
        self.standing.remove(key)


def _want(task: Task) -> Want:
    return Want(
        claims=tuple(task.claims.items()),
        priority=task.priority,
        hurried=task.deadline_usec is not None,
        duration=task.expected_usec,
        name="" if task.expected_usec else task.id.name,
    )


def candidate(task: Task, *, key: str, expected: int, learnt: bool) -> Candidate:
    """`expected` (usec) counts where the task itself does not say; `learnt`: it is more than a guess."""
    return Candidate(
        key=key,
        claims=task.claims,
        duration=task.expected_usec or expected,
        priority=task.priority,
        deadline=task.deadline_usec,
        submitted=task.submitted_usec,
        promised=task.promised_usec,
        runs_late=task.runs_late,
        assumed=not (task.expected_usec or learnt),
    )
