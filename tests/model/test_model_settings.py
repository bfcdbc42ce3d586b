# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.contents import TABLES
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.resolving import fields_by_key
from sd_taskpacker.model.settings import Source, load_unit
from sd_taskpacker.model.unit import Kind, Parameter, ParameterType, Reference, TaskUnit, Word
from sd_taskpacker.model.values import Value

MAIN = "t.batch"
GOOD = "[Batch]\nExec=/bin/true\n"


def load(*texts: str, kind: Kind = Kind.BATCH, name: str = "t") -> tuple[TaskUnit | None, tuple[Problem, ...]]:
    """The first text is the unit's own file, the others are its drop-ins 1.conf, 2.conf and so on."""
    paths = [MAIN, *(f"{number}.conf" for number in range(1, len(texts)))]
    return load_unit(kind, name, [Source(path, text) for path, text in zip(paths, texts, strict=True)])


def good(*texts: str, kind: Kind = Kind.BATCH) -> TaskUnit:
    unit, problems = load(*texts, kind=kind)
    assert not problems
    assert unit is not None
    return unit


def shown(*texts: str, kind: Kind = Kind.BATCH, name: str = "t") -> list[str]:
    """All problems as people see them; checks that the unit is refused exactly for errors."""
    unit, problems = load(*texts, kind=kind, name=name)
    assert (unit is None) == any(problem.severity is Severity.ERROR for problem in problems)
    return [str(problem) for problem in problems]


def parameter(*lines: str) -> Parameter:
    return good(GOOD + "[Parameter]\n" + "\n".join(lines)).parameters[0]


def test_the_example_of_the_design_is_read_whole() -> None:
    unit = good(
        """
[Unit]
Description=Heap profile of one program

[Batch]
Exec=/usr/bin/valgrind --tool=massif --massif-out-file=results/massif.out ${target}
Size=medium
Priority=100
ExpectedSec=10min

[Parameter]
Name=target
Type=enum
Values=/usr/bin/gnome-shell /usr/bin/systemd
Description=Program to profile

[Service]
RuntimeMaxSec=1h
PrivateNetwork=yes
User=nobody
"""
    )
    assert unit == TaskUnit(
        name="t",
        kind=Kind.BATCH,
        path=MAIN,
        description="Heap profile of one program",
        exec=(
            Word(("/usr/bin/valgrind",)),
            Word(("--tool=massif",)),
            Word(("--massif-out-file=results/massif.out",)),
            Word((Reference("target"),)),
        ),
        chunks=8,
        expected_usec=600_000_000,
        keep_success=1000,
        keep_failed=1000,
        parameters=(
            Parameter(
                name="target",
                type=ParameterType.ENUM,
                values=("/usr/bin/gnome-shell", "/usr/bin/systemd"),
                description="Program to profile",
            ),
        ),
        properties=(("RuntimeMaxUSec", Value("t", 3_600_000_000)), ("PrivateNetwork", Value("b", True))),
        user="nobody",
    )


def test_defaults_are_those_of_the_manual() -> None:
    unit = good(GOOD)
    assert (unit.chunks, unit.cpus, unit.priority, unit.root) == (4, 1, 100, False)
    assert (unit.directory, unit.expected_usec, unit.deadline_usec, unit.user) == (None, None, None, None)


def test_a_workorder_has_a_section_of_its_own() -> None:
    unit = good("[Workorder]\nExec=/bin/true\nRoot=yes\nDirectory=/srv/x\nCPUs=0\n", kind=Kind.WORKORDER)
    assert (unit.kind, unit.root, unit.directory, unit.cpus) == (Kind.WORKORDER, True, "/srv/x", 0)


def test_the_last_scalar_wins_and_an_empty_one_returns_to_the_default() -> None:
    assert good(GOOD, "[Batch]\nSize=tiny\nSize=large\n").chunks == 32
    assert good(GOOD + "Size=tiny\n", "[Batch]\nSize=\n").chunks == 4


def test_a_drop_in_replaces_exec_only_after_a_reset() -> None:
    assert good(GOOD, "[Batch]\nExec=\nExec=/bin/false\n").exec == (Word(("/bin/false",)),)
    assert shown(GOOD, "[Batch]\nExec=/bin/false\n") == [
        "1.conf:2: error: Exec: is given twice, first at t.batch:2;"
        " to replace it, write an empty Exec= before this line"
    ]


def test_a_missing_exec_is_named() -> None:
    assert shown("[Batch]\nSize=tiny\n") == ["t.batch:1: error: Exec: is required in [Batch]"]
    assert shown("") == ["t.batch: error: Exec: is required in [Batch]"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Size=huge", "Size: 'huge' is not a size; use tiny, small, medium, large or an amount such as 384M"),
        ("CPUs=65536", "CPUs: '65536' is not a whole number from 0 to 65535"),
        ("CPUs=1.5", "CPUs: '1.5' is not a whole number from 0 to 65535"),
        ("Priority=-1", "Priority: '-1' is not a whole number from 0 to 4294967295"),
        ("KeepFailed=all", "KeepFailed: 'all' is not a whole number from 0 to 2147483647"),
        ("Root=maybe", "Root: 'maybe' is not a boolean; write yes or no"),
        ("Directory=a", "Directory: 'a' is not an absolute path"),
        ("Directory=/a/", "Directory: '/a/' is not normalized; write '/a'"),
        ("ExpectedSec=0", "ExpectedSec: '0' is not above zero and below 100 years; leave the key out for none"),
        (
            "Deadline=infinity",
            "Deadline: 'infinity' is not above zero and below 100 years; leave the key out for none",
        ),
    ],
)
def test_a_bad_value_says_what_is_wrong_and_where(line: str, message: str) -> None:
    assert shown(GOOD + line) == [f"t.batch:3: error: {message}"]


@pytest.mark.parametrize(
    "path", ["/", "/etc", "/usr/local/tasks", "/run/systemd/x", "/proc/1", "/sys", "/dev", "/boot"]
)
def test_a_place_of_the_system_is_no_directory_for_tasks(path: str) -> None:
    (problem,) = shown(f"{GOOD}Directory={path}\n")
    assert problem.startswith(f"t.batch:3: error: Directory: '{path}' is the system's own")


@pytest.mark.parametrize("path", ["/srv", "/run/tasks", "/etcetera", "/var/lib/sd-taskpacker/x", "/home/a"])
def test_any_other_place_is(path: str) -> None:
    assert good(f"{GOOD}Directory={path}\n").directory == path


def test_every_problem_comes_at_once_in_order_of_files_and_lines() -> None:
    problems = shown(
        "[Batch]\nSize=huge\nnonsense\nExec=true\n[Parameter]\nType=odd\n[Service]\nNice=99\n",
        "[Batch]\nCPUs=x\n",
    )
    assert [one.split(": ")[0] + ": " + one.split(": ")[2] for one in problems] == [
        "t.batch:2: Size",
        "t.batch:3: 'nonsense' is neither Key=value nor a [Section]; a comment begins with #",
        "t.batch:4: Exec",
        "t.batch:5: Name",
        "t.batch:6: Type",
        "t.batch:8: Nice",
        "1.conf:2: CPUs",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prioriti=5", "prioriti: is not a key of [Batch] and is ignored; did you mean Priority=?"),
        ("priority=5", "priority: is not a key of [Batch] and is ignored; did you mean Priority=?"),
        ("Zebra=5", "Zebra: is not a key of [Batch] and is ignored"),
        ("OnDedline=drop", "OnDedline: is not a key of [Batch] and is ignored; did you mean OnDeadline=?"),
        ("Description=x", "Description: belongs in [Unit] or [Parameter], not in [Batch], and is ignored"),
        ("MemoryHigh=1G", "MemoryHigh: belongs in [Service], not in [Batch], and is ignored"),
    ],
)
def test_an_unknown_key_is_a_warning_that_helps(text: str, message: str) -> None:
    assert shown(GOOD + text) == [f"t.batch:3: warning: {message}"]


def test_a_description_is_one_printable_line() -> None:
    assert "cannot be printed" in shown(GOOD + "[Unit]\nDescription=a\x1b[2Jb\n")[0]
    assert good(GOOD + "[Unit]\nDescription=Größe – 100%\n").description == "Größe – 100%"


def test_a_key_of_batch_in_a_workorder_is_a_warning() -> None:
    (problem,) = shown("[Workorder]\nExec=/bin/true\nPriority=5\n", kind=Kind.WORKORDER)
    assert "is a key of [Batch] only" in problem


def test_sections_are_known_by_name() -> None:
    assert shown(GOOD + "[batch]\nCPUs=5\n") == [
        "t.batch:3: warning: section 'batch' is not known and is ignored; did you mean [Batch]?"
    ]
    assert "known are [Unit], [Batch], [Parameter], [Service]" in shown(GOOD + "[Install]\n")[0]
    assert not shown(GOOD + "X-Key=1\n[X-Ours]\nanything=1\n")


def test_the_section_of_the_other_kind_is_an_error() -> None:
    assert shown("[Workorder]\nExec=/bin/true\n")[1] == (
        "t.batch:1: error: [Workorder] does not belong in a .batch file; write [Batch], or rename the file"
    )


def test_a_reference_needs_a_declared_parameter() -> None:
    (problem,) = shown("[Batch]\nExec=/bin/echo ${a} ${HOME}\n[Parameter]\nName=a\n")
    assert problem == (
        "t.batch:2: error: Exec: ${HOME} is not a parameter of this unit; declare it in a [Parameter] section"
        " (there are a), or write $${HOME} for the text itself"
    )


def test_a_wrong_parameter_is_one_problem_not_two() -> None:
    assert len(shown("[Batch]\nExec=/bin/echo ${a}\n[Parameter]\nName=a\nType=odd\n")) == 1


def test_a_root_needs_defaults() -> None:
    text = GOOD + "Root=yes\n[Parameter]\nName=a\n"
    assert shown(text) == [
        "t.batch:3: error: Root: the daemon starts a root without parameters, so give Default= to a"
    ]
    assert good(text + 'Default=""\n').parameters[0].default == ""


@pytest.mark.parametrize("name", ["a b", "a@b", "ä", "..", "x" * 300])
def test_a_unit_is_named_like_a_task(name: str) -> None:
    assert "unit name" in shown(GOOD, name=name)[0]


def test_what_happens_after_the_deadline_a_failure_or_an_oom_kill_is_the_units_choice() -> None:
    plain = good(GOOD)
    assert (plain.runs_late, plain.max_running, plain.retries, plain.grows) == (False, None, 0, False)
    asked = good(GOOD + "OnDeadline=run\nMaxRunning=2\nRetry=3\nOnOOM=larger\n")
    assert (asked.runs_late, asked.max_running, asked.retries, asked.grows) == (True, 2, 3, True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("OnDeadline=maybe", "OnDeadline: 'maybe' is not one of drop, run"),
        ("MaxRunning=0", "MaxRunning: '0' is not a whole number from 1 to 2147483647"),
        ("Retry=1001", "Retry: '1001' is not a whole number from 0 to 1000"),
        ("OnOOM=retry", "OnOOM: 'retry' is not one of fail, larger"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(line: str, message: str) -> None:
    assert shown(GOOD + line + "\n") == [f"t.batch:3: error: {message}"]


def test_parameters_are_typed() -> None:
    assert parameter("Name=n", "Type=int", "Minimum=1", "Maximum=8", "Default=3") == Parameter(
        name="n", type=ParameterType.INT, minimum=1, maximum=8, default=3
    )
    assert parameter("Name=n", "Type=float", "Default=1").default == 1.0
    assert parameter("Name=n", "Type=bool", "Default=yes").default is True
    assert parameter("Name=n", "Pattern=[a-z]+", "Default=abc").pattern == "[a-z]+"
    assert parameter("Name=n", "Default=two words").default == "two words"
    assert parameter("Name=n", "Type=enum", 'Values=a "b c"', "Values=d").values == ("a", "b c", "d")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("Type=int", "3: error: Name: is required in [Parameter]"),
        ("Name=1a", "4: error: Name: '1a' is no parameter name; use letters, digits, _ and -, and no digit first"),
        ("Name=a\nType=enum", "3: error: Values: is required for Type=enum; list what a may be"),
        ("Name=a\nType=enum\nValues=b b", "6: error: Values: holds the same value twice"),
        ("Name=a\nValues=b", "5: error: Values: goes with Type=enum only, and a has Type=string"),
        ("Name=a\nMinimum=1", "5: error: Minimum: goes with Type=int and Type=float only, and a has Type=string"),
        ("Name=a\nType=int\nMinimum=x", "6: error: Minimum: wants a whole number, got 'x'"),
        ("Name=a\nType=int\nMinimum=2\nMaximum=1", "6: error: Minimum: 2 is above Maximum=1; no value would fit"),
        ("Name=a\nType=int\nMaximum=1\nDefault=2", "7: error: Default: wants a whole number of at most 1, got '2'"),
        (
            "Name=a\nType=int\nPattern=x",
            "6: error: Pattern: goes with Type=string and Type=path only, and a has Type=int",
        ),
        ("Name=a\nPattern=(", "5: error: Pattern: '(' is not a regular expression"),
        ("Name=a\nPattern=(a+)+b", "5: error: Pattern: can be matched in too many ways"),
        ("Name=a\nPattern=a{99999999999}", "5: error: Pattern: 'a{99999999999}' is not a regular expression"),
        ("Name=a\n[Parameter]\nName=a", "5: error: Name: 'a' is declared twice, first at t.batch:3"),
    ],
)
def test_a_bad_parameter_says_what_is_wrong_and_where(lines: str, message: str) -> None:
    (problem,) = shown(GOOD + "[Parameter]\n" + lines)
    assert problem.startswith("t.batch:" + message)


def test_a_drop_in_changes_a_parameter_of_the_same_name() -> None:
    main = GOOD + "[Parameter]\nName=a\nType=int\nDefault=1\n"
    unit = good(main, "[Parameter]\nName=a\nDefault=2\n[Parameter]\nName=b\n", "[Parameter]\nName=a\nMaximum=9\n")
    assert [(one.name, one.default, one.maximum) for one in unit.parameters] == [("a", 2, 9), ("b", None, None)]


def test_no_word_of_pydantic_reaches_people() -> None:
    for section, table in TABLES.items():
        for key in fields_by_key(table):
            kind = Kind.WORKORDER if section == "Workorder" else Kind.BATCH
            for problem in shown(f"[{section}]\n{key}=\x01 '\n", kind=kind):
                assert "pydantic" not in problem
                assert "Value error" not in problem
                assert "Input should" not in problem


def test_every_key_is_documented_in_full_sentences() -> None:
    for table in TABLES.values():
        for key, field in fields_by_key(table).items():
            assert key[0].isupper()
            assert field.description
            assert field.description.endswith(".")


LINES = (
    *("[Batch]", "[Unit]", "[Parameter]", "[Service]", "[", "\\", "=", "\x00"),
    *("Exec=/bin/x ${a}", "Exec=", "Name=a", "Type=int", "Default=x", "Values=a 'b", "Size=\\", "Deadline=1h"),
    *("Nice=5", "Nice=z", "Root=yes"),
)


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_no_file_raises(lines: list[str]) -> None:
    for problem in load("\n".join(lines), "\n".join(reversed(lines)))[1]:
        assert str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "[Batch]\nExec=/bin/x ${p}\n[Parameter]\nName=\x1b[2J\n",
        '[Batch]\nExec=/bin/x\n[Parameter]\nName=p\nType=enum\nValues="\\x1b[2J"\nDefault=a\n',
    ],
)
def test_no_name_in_a_file_moves_the_cursor_of_who_reads_the_problem(text: str) -> None:
    problems = shown(text)
    assert problems
    assert all(problem.isprintable() for problem in problems)


def test_a_pattern_that_a_later_python_reads_otherwise_is_refused() -> None:
    (problem,) = shown(GOOD + "[Parameter]\nName=p\nPattern=[[a]\n")
    assert "has two meanings: Possible nested set at position 1; write a backslash" in problem
    good(GOOD + "[Parameter]\nName=p\nPattern=[\\[a]\n")


SECRET = "[Batch]\nExec=/bin/true\n[Parameter]\nName=token\nSecret=yes\n"


def test_a_parameter_may_be_secret() -> None:
    (token,) = good(SECRET).parameters
    assert token.secret


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SECRET.replace("/bin/true", "/bin/x --token=${token}"), 2, "arguments are not"),
        (SECRET + "Type=int\n", 5, "Type=string only"),
        (SECRET + "Default=hush\n", 6, "would be no secret in this file"),
    ],
)
def test_what_would_give_a_secret_away_is_refused(text: str, line: int, message: str) -> None:
    unit, (problem,) = load(text)
    assert (unit, problem.line) == (None, line)
    assert message in problem.message


def test_a_unit_names_who_may_submit_it() -> None:
    unit = good("[Batch]\nExec=/bin/true\nAllowUsers=ann bob\nAllowUsers=1002\nAllowGroups=staff\n")
    assert (unit.allow_users, unit.allow_groups) == (("ann", "bob", "1002"), ("staff",))
