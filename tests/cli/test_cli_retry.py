# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import json
import time
from typing import Any

import pytest
from dbus_next.signature import Variant

from tests.cli.standin import Standin, run, task

MINUTE = 60_000_000


def answer(service: Standin, *tasks: dict[str, Variant], new: tuple[str, ...] = ("massif@2",)) -> None:
    known = {each["id"].value: each for each in (*tasks, *(task(one) for one in new))}
    service.answers["GetTask"] = lambda task_id: ("a{sv}", [known[task_id]])
    service.answers["BatchQueue"] = ("a(asas)", [[[[one], []] for one in new]])


def failed(task_id: str = "massif@1", **details: Any) -> dict[str, Variant]:
    return task(task_id, state="failed", result="exit-code", exit_status=1, **details)


def sent(service: Standin) -> Any:
    ((requests,),) = service.called("BatchQueue")
    return requests


async def test_retry_asks_for_the_same_with_the_types_it_had(service: Standin, address: str) -> None:
    params = {"depth": Variant("x", 3), "target": Variant("s", "/a"), "raw": Variant("ay", b"\x00")}
    old = failed(tag="mine", expected=5 * MINUTE) | {"parameters": Variant("a{sv}", params)}
    answer(service, old)
    done = await run(address, "retry", "massif@1")
    assert (done.status, done.out, done.err) == (0, "massif@2\n", "")
    args = {
        "size": Variant("s", "128M"),
        "cpus": Variant("t", 1),
        "priority": Variant("t", 100),
        "expected": Variant("t", 5 * MINUTE),
        "tag": Variant("s", "mine"),
    }
    assert [(unit, given) for unit, _, given in sent(service)] == [("massif", params)]
    assert {key: each.value for key, each in sent(service)[0][1].items()} == {k: v.value for k, v in args.items()}


async def test_retry_takes_another_size_and_priority(service: Standin, address: str) -> None:
    answer(service, failed())
    assert (await run(address, "retry", "massif@1", "--size=large", "--priority=7")).status == 0
    ((_, args, _),) = sent(service)
    assert (args["size"], args["priority"]) == (Variant("s", "large"), Variant("u", 7))


async def test_retry_keeps_a_deadline_that_can_be_kept_and_says_so_of_the_other(
    service: Standin, address: str
) -> None:
    soon = time.time_ns() // 1000 + 60 * MINUTE
    answer(service, failed("a@1", deadline=soon), failed("b@1", deadline=5), new=("a@2", "b@2"))
    done = await run(address, "retry", "a@1", "b@1")
    assert done.out == "a@2\nb@2\n"
    (_, kept, _), (_, lost, _) = sent(service)
    assert (kept["deadline"], "deadline" in lost) == (Variant("t", soon), False)
    assert done.err == "b@1: its deadline has passed, the new one has none of its own\n"


async def test_retry_says_what_it_could_not_carry_over(service: Standin, address: str) -> None:
    answer(service, failed("build/massif@1", argv=["/bin/true", "--extra"]))
    done = await run(address, "retry", "build/massif@1")
    first, second = done.err.splitlines()
    assert first.startswith("build/massif@1: massif@2 is no child of build")
    assert "massif@2 runs another command" in second
    assert (await run(address, "retry", "build/massif@1", "-q")).err == ""


async def test_retry_of_what_still_runs_submits_nothing(service: Standin, address: str) -> None:
    answer(service, failed(), task("massif@3"))
    done = await run(address, "retry", "massif@1", "massif@3")
    assert (done.status, done.out, service.called("BatchQueue")) == (1, "", [])
    assert done.err.splitlines() == [
        "massif@3 has not ended, it is running; nothing was submitted",
        "Hint: taskpackerctl wait massif@3 returns when it has ended",
    ]


async def test_a_workorder_is_started_again(service: Standin, address: str) -> None:
    answer(service, failed("build@1", kind="workorder"), new=("build@2",))
    service.answers["WorkorderStart"] = ("as", [["build@2"]])
    done = await run(address, "retry", "build@1", "--json")
    assert json.loads(done.out) == [{"retry_of": "build@1", "accepted": ["build@2"], "rejected": []}]
    (((_, args, _),),) = service.called("WorkorderStart")[0]
    assert not {"priority", "deadline"} & set(args)


async def test_what_finds_no_room_any_more_exits_75(service: Standin, address: str) -> None:
    answer(service, failed())
    service.answers["BatchQueue"] = ("a(asas)", [[[[], ["massif"]]]])
    done = await run(address, "retry", "massif@1")
    assert (done.status, done.out) == (75, "")
    assert done.err == "No room for massif@1 again, not even later; --size asks for less\n"


@pytest.mark.parametrize("form", ["off", "short"])
async def test_what_was_accepted_is_told_when_a_later_one_is_refused(
    service: Standin, address: str, form: str
) -> None:
    answer(service, failed(), failed("build@1", kind="workorder"))
    service.answers["WorkorderStart"] = ("org.sdtaskpacker1.Error.AccessDenied", ["build: you may not"])
    done = await run(address, "retry", "build@1", "massif@1", f"--json={form}")
    assert done.status == 77
    assert "massif@2" in done.out
    assert done.err.startswith("1 of 2 were asked for again; the others were not:\nbuild: you may not\n")


async def test_many_are_as_many_calls_as_the_service_wants(service: Standin, address: str) -> None:
    olds = [failed(f"massif@{number}") for number in range(11, 16)]
    answer(service, *olds)

    def queue(requests: list[Any]) -> tuple[str, Any]:
        if len(requests) > 2:
            return "org.sdtaskpacker1.Error.LimitExceeded", ["more than 2\nHint: split the call"]
        return "a(asas)", [[[["massif@2"], []]] * len(requests)]

    service.answers["BatchQueue"] = queue
    done = await run(address, "retry", *(f"massif@{number}" for number in range(11, 16)))
    assert (done.status, done.out) == (0, "massif@2\n" * 5)
