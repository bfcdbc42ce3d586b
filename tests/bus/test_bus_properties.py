# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest

from sd_taskpacker.bus.properties import LIFE_CYCLE, transient
from sd_taskpacker.model.command import MAX_LINE
from sd_taskpacker.model.quantities import CHUNK_BYTES, INFINITY
from sd_taskpacker.model.task import Task
from sd_taskpacker.model.values import Value
from tests.bus.builders import HOME, a_task, a_workorder


def properties(task: Task) -> dict[str, Any]:
    made = transient(task)
    assert len(made) == len({name for name, _ in made})
    return {name: value.data for name, value in made}


def test_batch_is_a_oneshot_with_its_memory_and_slice() -> None:
    made = properties(a_task(chunks=8))
    assert made["Type"] == "oneshot"
    assert made["Slice"] == "taskpacker-batch.slice"
    assert made["MemoryMax"] == 8 * CHUNK_BYTES
    assert made["MemorySwapMax"] == 0
    assert made["OOMScoreAdjust"] == 500
    assert made["Description"] == "massif@20261121.0 - Heap profile of one program"


def test_workorder_is_no_job_that_keeps_the_boot_from_being_finished() -> None:
    made = properties(a_workorder(properties=(("RuntimeMaxUSec", Value("t", 7)),), description=""))
    assert made["Type"] == "exec"
    assert made["Slice"] == "taskpacker-workorder.slice"
    assert made["RuntimeMaxUSec"] == 7
    assert made["Description"] == "build@1"
    assert not {"MemoryMax", "OOMScoreAdjust", "TimeoutStartUSec"} & made.keys()


def test_arguments_are_not_expanded() -> None:
    """Commands with a `$` go by a file, but for those for which there can be none."""
    argv = ("/bin/echo", "$HOME ${x} $$")
    assert "ExecStart" not in properties(a_task(argv=argv))
    (words,) = properties(a_task(argv=(*argv, "x" * MAX_LINE)))["ExecStart"]
    assert words[1][:2] == ["/bin/echo", "$$HOME $${x} $$$$"]


@pytest.mark.parametrize("setting", ["RootDirectory", "RootImage"])
def test_what_leaves_the_receipt_runs_outside_of_a_root_that_the_task_has_for_itself(setting: str) -> None:
    made = properties(a_task(properties=((setting, Value("s", "/srv/jail")),)))
    assert made["RootDirectoryStartOnly"] is True
    assert made["WorkingDirectory"] == f"-{HOME}"
    assert "RootDirectoryStartOnly" not in properties(a_task())


def test_what_leaves_the_receipt_cannot_be_taken_away() -> None:
    own = (("ExecStopPostEx", Value("a(sasas)", [])), ("ExecStopPost", Value("a(sasb)", [])))
    assert not {"ExecStopPost", "ExecStopPostEx"} & properties(a_task(properties=own)).keys()


def test_time_limit_of_a_oneshot_is_that_of_its_start() -> None:
    assert properties(a_task())["TimeoutStartUSec"] == INFINITY
    limited = properties(a_task(properties=(("RuntimeMaxUSec", Value("t", 7)), ("TimeoutStartUSec", Value("t", 9)))))
    assert limited["TimeoutStartUSec"] == 7
    assert "RuntimeMaxUSec" not in limited


def test_environment_of_the_unit_is_kept_and_ours_comes_last() -> None:
    own = (("Environment", Value("as", ["A=1", "TASKPACKER_NAME=forged"])), ("Environment", Value("as", ["B=2"])))
    assert properties(a_task(properties=own))["Environment"] == [
        "A=1",
        "TASKPACKER_NAME=forged",
        "B=2",
        "TASKPACKER_NAME=massif",
        "TASKPACKER_VERSION=20261121.0",
        f"TASKPACKER_RESULTS={HOME}/results",
        f"TASKPACKER_PARAMETERS={HOME}/parameters.json",
        "TASKPACKER_SLICE=taskpacker-batch.slice",
    ]


def test_work_directory_is_writable_besides_what_the_unit_adds() -> None:
    made = properties(a_task(properties=(("ReadWritePaths", Value("as", ["/srv"])),)))
    assert made["ReadWritePaths"] == ["/srv", HOME]
    assert (made["NoNewPrivileges"], made["ProtectSystem"], made["PrivateTmp"]) == (True, "strict", True)


def test_journal_lines_carry_the_id_and_no_other() -> None:
    own = (("LogExtraFields", Value("aay", [b"X=1", b"TASKPACKER_TASK=forged@1"])),)
    assert properties(a_task("build/massif@20261121.0", properties=own))["LogExtraFields"] == [
        b"X=1",
        b"TASKPACKER_TASK=build/massif@20261121.0",
        b"TASKPACKER_NAME=build/massif",
        b"TASKPACKER_VERSION=20261121.0",
        b"TASKPACKER_ROOT=build",
    ]


def test_output_is_a_descriptor_and_never_a_path_in_the_tasks_own_directory() -> None:
    made = transient(a_task())
    assert ("StandardOutputFileDescriptor", Value("h", 0)) in made
    assert [name for name, _ in made if name.startswith("Standard")] == [
        "StandardInput",
        "StandardOutputFileDescriptor",
        "StandardError",
    ]


def test_sandbox_and_output_can_be_replaced() -> None:
    own = (("ProtectSystem", Value("s", "no")), ("StandardOutput", Value("s", "journal")), ("Nice", Value("i", 3)))
    made = properties(a_task(properties=own))
    assert (made["ProtectSystem"], made["StandardOutput"], made["Nice"]) == ("no", "journal", 3)
    assert "StandardOutputFileDescriptor" not in made
    assert made["StandardError"] == "inherit"


@pytest.mark.parametrize("directory", ["/tmp/state/a/@1", "/var/tmp/a/@1"])
def test_work_directory_in_tmp_stays_visible(directory: str) -> None:
    assert "PrivateTmp" not in properties(a_task(directory=directory))


def test_later_assignment_of_a_scalar_wins() -> None:
    assert properties(a_task(properties=(("Nice", Value("i", 1)), ("Nice", Value("i", 2)))))["Nice"] == 2


@pytest.mark.parametrize("name", sorted(LIFE_CYCLE | {"MemoryMax", "TimeoutStartUSec"}))
def test_what_the_life_cycle_needs_stays(name: str) -> None:
    forged = 1 << 60 if name.endswith(("Max", "USec")) else "forged"
    made = properties(a_task(properties=((name, Value("s", forged)),)))
    assert made.get(name) != "forged"
    assert made.get("MemoryMax") == 8 * CHUNK_BYTES


def test_user_is_the_tasks_and_nobody_we_name_without() -> None:
    assert properties(a_task(user="ann"))["User"] == "ann"
    assert "User" not in properties(a_task(user=None))


STATE = "/var/lib/sd-taskpacker"


def test_a_task_sees_of_the_state_directory_what_is_its_own() -> None:
    made = dict(transient(a_task(user="taskpacker"), STATE))
    assert made["TemporaryFileSystem"].data[0] == [STATE, "ro,mode=0755"]
    assert made["BindPaths"].data == [[HOME, HOME, False, 16384]]


def test_a_directory_elsewhere_is_hidden_too_and_what_the_unit_binds_is_kept() -> None:
    srv = {"directory": "/srv/builds/@1", "root_directory": "/srv/builds", "user": "taskpacker"}
    own = (("BindPaths", Value("a(ssbt)", [["/data", "/data", False, 16384]])),)
    made = dict(transient(a_task(**srv, properties=own), STATE))
    assert [place for place, _ in made["TemporaryFileSystem"].data] == [STATE, "/srv/builds", "/dev/shm"]
    assert [entry[0] for entry in made["BindPaths"].data] == ["/data", "/srv/builds/@1"]


@pytest.mark.parametrize("shared", [False, True])
def test_shared_memory_is_a_tasks_own_unless_the_unit_says_otherwise(shared: bool) -> None:
    own = (("PrivateIPC", Value("b", False)),) if shared else ()
    made = dict(transient(a_task(user="taskpacker", properties=own), STATE))
    assert made["PrivateIPC"].data is not shared
    assert ("/dev/shm" in {place for place, _ in made["TemporaryFileSystem"].data}) is not shared


def test_a_batch_task_has_so_many_processes_and_a_workorder_what_systemd_gives_it() -> None:
    assert properties(a_task())["TasksMax"] == 1_024
    assert properties(a_task(properties=(("TasksMax", Value("t", INFINITY)),)))["TasksMax"] == INFINITY
    assert "TasksMax" not in properties(a_workorder())


@pytest.mark.parametrize(("user", "restricted"), [("taskpacker", True), ("root", False), (None, False)])
def test_nobody_but_root_leaves_programs_that_run_as_their_owner(user: str | None, restricted: bool) -> None:
    assert ("RestrictSUIDSGID" in properties(a_task(user=user))) is restricted


def test_in_a_user_instance_nothing_is_mounted_and_no_namespace_is_made() -> None:
    assert not {"TemporaryFileSystem", "BindPaths", "PrivateUsers", "PrivateIPC"} & {
        name for name, _ in transient(a_task())
    }


@pytest.mark.parametrize(
    ("user", "own", "apart"),
    [
        ("taskpacker", (), True),
        ("root", (), None),
        ("0", (), None),
        ("taskpacker", (("AmbientCapabilities", Value("t", 1)),), None),
        ("taskpacker", (("PrivateUsers", Value("b", False)),), False),
    ],
)
def test_processes_of_tasks_are_kept_apart_unless_the_unit_needs_capabilities(
    user: str, own: tuple[tuple[str, Value], ...], apart: bool | None
) -> None:
    assert properties(a_task(user=user, properties=own)).get("PrivateUsers") is apart
