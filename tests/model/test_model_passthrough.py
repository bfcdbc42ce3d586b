# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.passthrough import ServiceSettings, translate
from sd_taskpacker.model.problems import Problem, Severity
from sd_taskpacker.model.service_refused import refusals
from sd_taskpacker.model.service_table import SETTINGS
from sd_taskpacker.model.syntax import Assignment
from sd_taskpacker.model.unit import Kind


def service(*lines: str, kind: Kind = Kind.WORKORDER) -> ServiceSettings:
    pairs = (line.partition("=") for line in lines)
    return translate(
        [
            Assignment(section_index=0, section="Service", key=key, value=value, path="t", line=number)
            for number, (key, _, value) in enumerate(pairs, start=1)
        ],
        kind,
    )


def sent(*lines: str) -> list[tuple[str, object]]:
    settings = service(*lines)
    assert not settings.problems
    return [(name, value.data) for name, value in settings.properties]


def errors(*lines: str, kind: Kind = Kind.WORKORDER) -> list[Problem]:
    return [one for one in service(*lines, kind=kind).problems if one.severity is Severity.ERROR]


def test_of_a_scalar_the_last_counts_and_an_empty_one_returns_to_the_default() -> None:
    assert sent("Nice=1", "Nice=2") == [("Nice", 2)]
    assert sent("Nice=1", "Nice=") == []


def test_lists_append_and_an_empty_assignment_resets_them() -> None:
    assert sent("Environment=A=1", "Environment=B=2") == [("Environment", ["A=1"]), ("Environment", ["B=2"])]
    assert sent("Environment=A=1", "Environment=", "Environment=B=2") == [("Environment", ["B=2"])]


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH"])
def test_what_root_would_load_at_the_end_of_a_task_can_be_taken_away_and_not_set(name: str) -> None:
    for line in (f"Environment=A=1 {name}=/home/ann/lib", f"PassEnvironment={name}"):
        (error,) = errors(line)
        assert "Exec=/usr/bin/env NAME=VALUE PROGRAM" in str(error)
    assert sent(f"UnsetEnvironment={name}") == [("UnsetEnvironment", [name])]


def test_capability_lines_merge_as_in_a_unit_file() -> None:
    both = sent("CapabilityBoundingSet=CAP_CHOWN CAP_KILL")
    assert sent("CapabilityBoundingSet=CAP_CHOWN", "CapabilityBoundingSet=CAP_KILL") == both
    assert sent("CapabilityBoundingSet=CAP_CHOWN CAP_KILL", "CapabilityBoundingSet=~CAP_KILL") == sent(
        "CapabilityBoundingSet=CAP_CHOWN"
    )
    assert sent("CapabilityBoundingSet=CAP_CHOWN", "CapabilityBoundingSet=") == [("CapabilityBoundingSet", 0)]


def test_namespace_and_cpu_lines_merge() -> None:
    assert sent("RestrictNamespaces=user", "RestrictNamespaces=net") == sent("RestrictNamespaces=user net")
    assert sent("RestrictNamespaces=~user", "RestrictNamespaces=~net") == sent("RestrictNamespaces=~user net")
    assert sent("AllowedCPUs=0", "AllowedCPUs=", "AllowedCPUs=1", "AllowedCPUs=9") == [("AllowedCPUs", b"\x02\x02")]


def test_no_address_family_is_an_empty_allow_list() -> None:
    assert sent("RestrictAddressFamilies=none") == [("RestrictAddressFamilies", [True, []])]


def test_the_user_is_apart_from_the_properties() -> None:
    settings = service("User=backup", "Nice=1")
    assert settings.user == "backup"
    assert [name for name, _ in settings.properties] == ["Nice"]


def test_old_spellings_of_paths_pass() -> None:
    assert sent("ReadWriteDirectories=/a") == [("ReadWriteDirectories", ["/a"])]


@pytest.mark.parametrize("key", sorted(refusals(Kind.WORKORDER)))
def test_what_would_break_the_life_cycle_is_refused_with_a_reason(key: str) -> None:
    (problem,) = errors(f"{key}=yes")
    assert (problem.line, problem.key) == (1, key)
    assert problem.message.startswith("is not available to a task: ")


def test_the_memory_limit_of_a_batch_is_its_size() -> None:
    assert "write Size=" in errors("MemoryMax=1G", kind=Kind.BATCH)[0].message
    assert not errors("MemoryMax=1G", kind=Kind.WORKORDER)
    assert not errors("MemoryHigh=1G", kind=Kind.BATCH)


def test_an_unknown_setting_is_a_warning_that_suggests() -> None:
    (problem,) = service("privatetmp=yes").problems
    assert problem.severity is Severity.WARNING
    assert problem.message == "is not a key of [Service] and is ignored; did you mean PrivateTmp=?"
    assert not service("X-Ours=1").problems


def test_a_specifier_is_a_warning() -> None:
    (problem,) = service("Environment=A=%n").problems
    assert problem.severity is Severity.WARNING
    assert not service("MemoryHigh=50%").problems


def test_every_wrong_line_is_a_problem_of_its_own() -> None:
    assert [(one.line, one.key) for one in errors("Nice=99", "PrivateTmp=maybe", "Nice=1")] == [
        (1, "Nice"),
        (2, "PrivateTmp"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "AllowedCPUs=3-1",
        "AllowedCPUs=99999",
        "BindPaths=relative",
        "BindPaths=/a:/b:weird",
        "CPUQuota=0%",
        "CPUQuota=2",
        "CPUQuotaPeriodSec=2s",
        "CPUWeight=0",
        "CapabilityBoundingSet=CAP_NONE",
        "CoredumpFilter=xyz",
        "DeviceAllow=/etc/passwd rw",
        "DeviceAllow=/dev/null x",
        "Environment=1A=b",
        "Environment=A",
        "Environment='A=b",
        "Environment=TASKPACKER_NAME=x",
        "Environment=EXIT_STATUS=0",
        "Environment=SERVICE_RESULT=success",
        "EnvironmentFile=relative",
        "IOReadBandwidthMax=/dev/sda",
        "IPAddressAllow=300.0.0.1",
        "KillMode=process",
        "KillSignal=SIGNOPE",
        "KillSignal=0",
        "LimitNOFILE=5:4",
        "LimitNOFILE=1K",
        "LogExtraFields=lower=1",
        "LogLevelMax=8",
        "MemoryHigh=101%",
        "MemoryHigh=lots",
        "MountImages=/a.raw",
        "NUMAMask=all",
        "OOMScoreAdjust=2000",
        "PassEnvironment=A=b",
        "ProtectSystem=very",
        "ReadWritePaths=/a/../b",
        "RestrictAddressFamilies=INET",
        "RestrictNamespaces=time-machine",
        "RootHash=abcd",
        "SendSIGKILL=no",
        "SetCredential=foo",
        "SetCredentialEncrypted=foo:***",
        "SocketBindAllow=tcp:0",
        "StateDirectory=../up",
        "StateDirectory=/abs",
        "SuccessExitStatus=256",
        "SystemCallFilter=rm! x",
        "TasksMax=0",
        "TimeoutStopSec=soon",
        "UMask=888",
        "User=a b",
        "User=65535",
    ],
)
def test_what_systemd_would_refuse_is_an_error_with_its_place(line: str) -> None:
    (problem,) = errors(line)
    assert (problem.path, problem.line, problem.key) == ("t", 1, line.partition("=")[0])
    assert len(problem.message) < 300


@given(st.sampled_from(sorted(SETTINGS)), st.text(alphabet="ab01%:/~- \\'\".,=\x1b", max_size=12))
def test_no_value_raises_and_every_message_is_printable(key: str, value: str) -> None:
    settings = service(f"{key}={value.strip()}")
    assert all(problem.message.isprintable() for problem in settings.problems)
