# SPDX-License-Identifier: LGPL-2.1-or-later
"""`[Service]` settings that systemd knows and a task may not have, each with the reason and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sd_taskpacker.model.unit import Kind

_COMMAND = "a task runs the one command of Exec=; put further steps into a script"
_START = "the scheduler chooses how a task is started and how its end is noticed"
_AGAIN = "a task runs once, as one version; whoever submitted it decides whether to run it again"
_OUTPUT = "output goes to results/output.txt; a program that reads input takes it from a file parameter"
_TERMINAL = "a task has no terminal"
_DIRECTORY = (
    "a task runs in the work directory that the scheduler makes for it; Directory= chooses where a root's lie"
)
_CGROUP = "the scheduler places tasks in its own slices and counts what they use there"
_TIMEOUT = "write RuntimeMaxSec= to limit how long a task may run"
_OLD = "systemd 252 does not take it for a transient service"
_MEMORY = "a batch task is limited to exactly its Size=; write Size= instead"

_ANY_KIND: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecReload", "ExecCondition"),
        _COMMAND,
    ),
    **dict.fromkeys(
        ("Type", "ExitType", "BusName", "BusPolicy", "NotifyAccess", "PIDFile", "GuessMainPID", "RemainAfterExit"),
        _START,
    ),
    **dict.fromkeys(("CollectMode", "NonBlocking", "FileDescriptorStoreMax", "Sockets", "ReloadSignal"), _START),
    **dict.fromkeys(("PermissionsStartOnly", "RootDirectoryStartOnly", "SysVStartPriority"), _START),
    **dict.fromkeys(("USBFunctionDescriptors", "USBFunctionStrings"), _START),
    **dict.fromkeys(
        ("Restart", "RestartSec", "RestartMode", "RestartKillSignal", "RestartPreventExitStatus"), _AGAIN
    ),
    **dict.fromkeys(("RestartForceExitStatus", "StartLimitAction", "StartLimitBurst", "StartLimitInterval"), _AGAIN),
    **dict.fromkeys(("FailureAction", "SuccessAction", "RebootArgument"), "a task's end must not end the machine"),
    **dict.fromkeys(
        ("StandardInput", "StandardInputText", "StandardInputData", "StandardOutput", "StandardError"), _OUTPUT
    ),
    **dict.fromkeys(("TTYPath", "TTYReset", "TTYVHangup", "TTYVTDisallocate", "TTYRows", "TTYColumns"), _TERMINAL),
    **dict.fromkeys(("UtmpIdentifier", "UtmpMode"), _TERMINAL),
    "WorkingDirectory": _DIRECTORY,
    "DynamicUser": "the work directory must belong to a user that exists before the task starts; write User=",
    "RuntimeDirectoryPreserve": "nothing but results/ outlives a task",
    "Slice": _CGROUP,
    "Delegate": "systemd would stop counting the task's processes and memory for the scheduler",
    "DisableControllers": "the scheduler needs the memory and CPU controllers",
    "DefaultMemoryLow": "a task has no units below it that could inherit it; write MemoryLow=",
    "DefaultMemoryMin": "a task has no units below it that could inherit it; write MemoryMin=",
    "TimeoutStartSec": _TIMEOUT,
    "TimeoutSec": _TIMEOUT + ", TimeoutStopSec= how long it may take to stop",
    "TimeoutStartFailureMode": _TIMEOUT,
    "TimeoutCleanSec": _OLD,
    "NetClass": _OLD,
    "Capabilities": _OLD + "; write CapabilityBoundingSet= or AmbientCapabilities=",
    "ExtensionDirectories": _OLD + "; write BindReadOnlyPaths=",
}

_BATCH: Final[Mapping[str, str]] = dict.fromkeys(("MemoryMax", "MemoryLimit", "MemorySwapMax"), _MEMORY)


def refusals(kind: Kind) -> Mapping[str, str]:
    """Key -> reason."""
    return {**_ANY_KIND, **_BATCH} if kind is Kind.BATCH else _ANY_KIND
