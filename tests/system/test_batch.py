# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batch tasks on the real systemd: what starts, how each one ends, and what a client sees of it."""

from __future__ import annotations

import json

import pytest

from sd_taskpacker.host.journal import JournalWitness
from tests.system.machine import TASK_USER, BatchCall, Machine

CHUNK = 32 << 20
TASK = "[Batch]\nExec={exec}\nSize={size}\nCPUs={cpus}\n"


def _unit(exec: str, *, size: str = "tiny", cpus: int = 0, more: str = "") -> str:
    return TASK.format(exec=exec, size=size, cpus=cpus) + more


@pytest.mark.needs_limits
def test_a_task_runs_and_leaves_its_output_its_record_and_nothing_else(machine: Machine) -> None:
    machine.write_unit(
        "hello.batch",
        _unit("/bin/sh -c 'echo hello \"$1\"; echo oops >&2; touch scratch results/kept; pwd' sh ${who}")
        + "[Parameter]\nName=who\n",
    )
    ((started, rejected),) = machine.batch_submit(BatchCall("hello", params={"who": "big $HOME; world"}))
    assert len(started) == 1
    assert rejected == []
    signal = machine.ended(started[0])
    assert signal.member == "BatchComplete"
    assert signal.params == {"who": "big $HOME; world"}
    assert len(signal.slots) == 4
    task = machine.closed(started[0])
    assert (task["state"], task["result"], task["exit_status"]) == ("complete", "success", 0)
    output = machine.output(task).splitlines()
    assert output == ["hello big $HOME; world", "oops", task["directory"]]
    assert sorted(machine.files(task)) == ["results", "results/kept", "results/output.txt", "results/task.json"]
    record = json.loads(machine.read(f"{task['directory']}/results/task.json"))
    assert record["id"] == started[0]
    assert record["result"] == "success"
    assert 0 < record["cpu_usec"] < 60_000_000
    assert 0 < record["memory_peak"] <= CHUNK


@pytest.mark.parametrize(
    ("exec", "more", "expected"),
    [
        ("/bin/sh -c 'exit 3'", "", {"result": "exit-code", "exit_status": 3}),
        ("/bin/sh -c 'exit 203'", "", {"result": "exit-code", "exit_status": 203}),
        ("/bin/sh -c 'kill -USR1 $$$$; sleep 5'", "", {"result": "signal", "signal": "USR1"}),
        ("/bin/sleep 60", "[Service]\nRuntimeMaxSec=1\n", {"result": "timeout"}),
        pytest.param(
            "/usr/bin/python3 -c 'x = bytearray(200 << 20)'",
            "",
            {"result": "oom-kill"},
            marks=pytest.mark.needs_limits,
        ),
        ("/nonexistent/program", "", {"result": "could-not-start"}),
        ("/bin/true", "[Service]\nUser=nosuchuser\n", {"result": "could-not-start"}),
    ],
    ids=["exit-status", "exit-203", "signal", "timeout", "oom-kill", "no-program", "no-user"],
)
def test_each_way_to_fail_is_told_apart(machine: Machine, exec: str, more: str, expected: dict[str, object]) -> None:
    machine.write_unit("fails.batch", _unit(exec, more=more))
    ((started, _),) = machine.batch_submit(BatchCall("fails"))
    signal = machine.ended(started[0])
    assert signal.member == "BatchFailed"
    task = machine.closed(started[0])
    assert {key: task.get(key) for key in expected} == expected
    assert task["state"] == "failed"
    if task["result"] == "could-not-start":
        assert task["message"]
    assert machine.unit_state(task["systemd_unit"]) == "not-found"


@pytest.mark.needs_limits
def test_a_kill_for_memory_hurts_nobody_else(machine: Machine) -> None:
    machine.write_unit("greedy.batch", _unit("/usr/bin/python3 -c 'x = bytearray(200 << 20)'"))
    machine.write_unit("calm.batch", _unit("/bin/sleep 3", size="medium"))
    answers = machine.batch_submit(BatchCall("calm"), BatchCall("greedy"), BatchCall("calm"))
    calm_one, greedy, calm_two = (started[0] for started, _ in answers)
    assert machine.closed(greedy)["result"] == "oom-kill"
    assert machine.closed(calm_one)["result"] == "success"
    assert machine.closed(calm_two)["result"] == "success"


@pytest.mark.needs_limits
def test_a_burst_never_has_more_than_the_budget(machine: Machine) -> None:
    """100 requests of three sizes against 1 GiB, again and again as signals tell of room, until all have run."""
    for name, size in (("large", 32), ("medium", 8), ("tiny", 1)):
        machine.write_unit(f"{name}.batch", _unit("/bin/sleep 0.3", size=f"{size * 32}M"))
    todo = [BatchCall(name) for name in ("large", "medium", "tiny", "medium", "tiny") for _ in range(20)]
    watch = machine.watch_limits()
    everything: list[str] = []
    while todo:
        answers = machine.batch_submit(*todo)
        started = [task_id for ids, _ in answers for task_id in ids]
        rejected = [name for _, names in answers for name in names]
        assert len(started) + len(rejected) == len(todo)
        todo = [BatchCall(name) for name in rejected]
        everything += started
        if todo:
            machine.wait_for_signal()
    for task_id in everything:
        assert machine.closed(task_id)["result"] == "success"
    assert len(everything) == len(set(everything)) == 100
    assert all(machine.ended_signals(task_id) == 1 for task_id in everything)
    seen = watch.stop()
    assert seen.samples > 10
    assert 0 < seen.most_chunks <= 32
    assert seen.most_memory_max <= 1 << 30
    assert seen.exact


def test_slots_and_figures_tell_what_is_free(machine: Machine) -> None:
    machine.write_unit("holds.batch", _unit("/bin/sleep 2", size="20", cpus=0).replace("Size=20", "Size=640M"))
    assert machine.property("ChunksTotal") == 32
    ((started, _),) = machine.batch_submit(BatchCall("holds"))
    cpus = machine.property("CPUsTotal")
    assert machine.property("ChunksFree") == 12
    assert machine.property("EstimatedSlotsRemaining") == [min(slots, cpus) for slots in (12, 3, 1, 0)]
    assert machine.property("NRunning") == 1
    assert machine.ended(started[0]).slots == [min(slots, cpus) for slots in (32, 8, 4, 1)]


def test_a_fan_out_is_one_answer(machine: Machine) -> None:
    machine.write_unit("each.batch", _unit("/bin/echo ${word}", size="512M") + "[Parameter]\nName=word\n")
    ((started, rejected),) = machine.batch_submit(BatchCall("each", params={"word": ["a", "b", "c"]}))
    assert len(started) == 2
    assert rejected == ["each?word=c"]
    assert [machine.output(machine.closed(task_id)) for task_id in started] == ["a\n", "b\n"]


def test_extra_arguments_are_appended_and_never_expanded(machine: Machine) -> None:
    machine.write_unit("print.batch", _unit("/usr/bin/printf '%%s|'"))
    machine.write_unit("print.batch", _unit("/usr/bin/printf %s|"))
    argv = ["$HOME", "${PATH}", "a b", "%n", "$$", "*", ""]
    ((started, _),) = machine.batch_submit(BatchCall("print", args={"argv": argv}))
    assert machine.output(machine.closed(started[0])) == "".join(f"{word}|" for word in argv)


def test_the_environment_and_the_parameter_file(machine: Machine) -> None:
    machine.write_unit(
        "env.batch",
        _unit("/bin/sh -c 'env | grep ^TASKPACKER_ | sort; cat parameters.json; id -un'")
        + "[Parameter]\nName=count\nType=int\nDefault=3\n",
    )
    ((started, _),) = machine.batch_submit(BatchCall("env"))
    task = machine.closed(started[0])
    output = machine.output(task)
    directory = task["directory"]
    assert f"TASKPACKER_NAME=env\nTASKPACKER_PARAMETERS={directory}/parameters.json\n" in output
    assert f"TASKPACKER_RESULTS={directory}/results\n" in output
    assert f"TASKPACKER_VERSION={task['version']}\n" in output
    assert '"count": 3' in output
    assert output.endswith(f"{TASK_USER}\n")


def test_a_dropped_in_unit_is_used_by_itself_and_a_bad_one_keeps_the_good(machine: Machine) -> None:
    machine.write_unit("change.batch", _unit("/bin/echo one"))
    first = machine.run("change")
    machine.write_unit("change.batch", _unit("/bin/echo two"))
    second = machine.run("change")
    machine.write_unit("change.batch", "[Batch]\nExec=relative/path\nSize=enormous\n")
    third = machine.run("change")
    assert [machine.output(task) for task in (first, second, third)] == ["one\n", "two\n", "two\n"]
    problems = machine.call("GetUnitProblems", "s", "change")
    assert [(line, key) for _, line, key, severity, _ in problems if severity == "error"] == [
        (2, "Exec"),
        (3, "Size"),
    ]


def test_background_processes_end_with_their_task(machine: Machine) -> None:
    machine.write_unit("leaves.batch", _unit("/bin/sh -c 'sleep 1000 & echo $!'"))
    task = machine.run("leaves")
    assert task["result"] == "success"
    assert not machine.alive(int(machine.output(task)))


def test_versions_count_per_name_and_day(machine: Machine) -> None:
    machine.write_unit("count.batch", _unit("/bin/true"))
    first, second = machine.run("count"), machine.run("count")
    day, number = first["version"].split(".")
    assert second["version"] == f"{day}.{int(number) + 1}"


def test_the_journal_knows_which_units_systemd_has_dealt_with(machine: Machine) -> None:
    machine.write_unit("quiet.batch", _unit("/bin/true"))
    unit = machine.run("quiet")["systemd_unit"]
    witness = JournalWitness()
    machine.wait(lambda: witness.began(unit) is True, "systemd's record about the unit")
    assert witness.began("taskpacker-never-was:1.service") is False


def test_what_is_stopped_by_hand_fails_as_stopped(machine: Machine) -> None:
    machine.write_unit("long.batch", _unit("/bin/sleep 100"))
    ((started, _),) = machine.batch_submit(BatchCall("long"))
    unit = machine.task(started[0])["systemd_unit"]
    machine.wait(lambda: machine.unit_state(unit) == "loaded", "the unit is loaded")
    machine.systemctl("stop", unit)
    assert machine.closed(started[0])["result"] == "stopped"


def test_kill_sends_the_signal_and_tells_it(machine: Machine) -> None:
    machine.write_unit("long.batch", _unit("/bin/sleep 100"))
    ((started, _),) = machine.batch_submit(BatchCall("long"))
    unit = machine.task(started[0])["systemd_unit"]
    machine.wait(lambda: machine.unit_state(unit) == "loaded", "the unit is loaded")
    machine.call("Kill", "ss", started[0], "SIGINT")
    task = machine.closed(started[0])
    assert (task["result"], task["signal"]) == ("signal", "INT")


@pytest.mark.parametrize("disturbance", ["daemon-reload", "daemon-reexec"])
def test_a_task_bears_that_systemd_is_reloaded(machine: Machine, disturbance: str) -> None:
    machine.write_unit("bears.batch", _unit("/bin/sh -c 'sleep 2; echo done; exit 5'"))
    ((started, _),) = machine.batch_submit(BatchCall("bears"))
    unit = machine.task(started[0])["systemd_unit"]
    machine.wait(lambda: machine.unit_state(unit) == "loaded", "the unit is loaded")
    machine.systemctl(disturbance)
    task = machine.closed(started[0])
    assert (task["result"], task["exit_status"]) == ("exit-code", 5)
    assert machine.output(task) == "done\n"
    assert task["cpu_usec"] > 0


def test_a_task_bears_that_the_daemon_is_restarted(machine: Machine) -> None:
    machine.write_unit("bears.batch", _unit("/bin/sh -c 'sleep ${seconds}; exit 6'") + "[Parameter]\nName=seconds\n")
    answers = machine.batch_submit(BatchCall("bears", params={"seconds": ["0.5", "6"]}))
    short, long = answers[0][0]
    machine.systemctl("kill", "--signal=KILL", "sd-taskpacker.service")
    machine.wait_ready()
    for task_id in (short, long):
        task = machine.closed(task_id)
        assert (task["result"], task["exit_status"]) == ("exit-code", 6)


def test_only_as_many_versions_stay_as_the_unit_says(machine: Machine) -> None:
    machine.write_unit(
        "few.batch",
        _unit("/bin/sh -c 'exit ${status}'", more="KeepSuccess=1\nKeepFailed=2\n")
        + "[Parameter]\nName=status\nType=int\n",
    )
    tasks = [machine.run("few", {"status": status}) for status in (0, 1, 0, 1, 1, 0)]
    machine.wait(lambda: sum(machine.exists(task["directory"]) for task in tasks) == 3, "three versions are left")
    assert [machine.exists(task["directory"]) for task in tasks] == [False, False, False, True, True, True]
    assert machine.task(tasks[0]["id"])["result"] == "success"
