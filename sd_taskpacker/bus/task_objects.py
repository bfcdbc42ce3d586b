# SPDX-License-Identifier: LGPL-2.1-or-later
"""An object on the bus for every open task, made when somebody asks; and what dbus-next gets wrong at the others.

dbus-next would want one exported interface per task, with signals for each coming and going, and a scan over all of
them for every signal that we send. Nobody may ever look: so nothing is exported, and calls below
/org/sdtaskpacker1/task are answered here from the list of open tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dbus_next import DBusError, ErrorType, Message, MessageFlag, MessageType, Variant
from dbus_next import introspection as intr
from dbus_next.service import ServiceInterface

from sd_taskpacker.bus.encoding import a_variant
from sd_taskpacker.bus.introspection import Property
from sd_taskpacker.bus.wire import TASK_SIGNATURES, task_to_wire
from sd_taskpacker.model.excerpt import excerpt
from sd_taskpacker.model.names import OBJECT_ROOT, TASK_PATH, TaskId
from sd_taskpacker.model.task import Task

INTERFACE: Final = "org.sdtaskpacker1.Task"
PARENT: Final = TASK_PATH.rstrip("/")

PROPERTIES: Final[Mapping[str, str]] = {
    "Id": "id",
    "Name": "name",
    "Version": "version",
    "Root": "root",
    "Kind": "kind",
    "Unit": "unit",
    "Description": "description",
    "State": "state",
    "SystemdUnit": "systemd_unit",
    "Directory": "directory",
    "Argv": "argv",
    "Parameters": "parameters",
    "Chunks": "chunks",
    "MemoryMax": "memory_max",
    "CPUs": "cpus",
    "Priority": "priority",
    "UID": "uid",
    "Submitted": "submitted",
    "Started": "started",
    "Promised": "promised",
}
"""Property -> key of GetTask. A D-Bus property cannot be absent: those that every task has, and two times, which are
0 for a task that has not started, or was promised no start."""

_CHANGING: Final = frozenset({"State", "Started"})
_NEVER: Final = Variant("t", 0)

_STANDARD = ("org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Properties")
_INTROSPECT = (_STANDARD[0], "Introspect", "")
_GET, _GET_ALL, _SET = ((_STANDARD[2], *rest) for rest in (("Get", "ss"), ("GetAll", "s"), ("Set", "ssv")))


class TaskObjects:
    """Add `handle` to the connection. `open_tasks` lists what has an object now; `manager` is what is exported at
    the root, where dbus-next knows nothing of the child `task`, advertises an ObjectManager that manages nothing,
    takes no empty interface name, and does not say which signature it wants."""

    def __init__(self, open_tasks: Callable[[], list[Task]], manager: ServiceInterface) -> None:
        self._open_tasks = open_tasks
        self._manager = manager
        self._wanted = {method.name: method.in_signature for method in manager.introspect().methods}

    def handle(self, message: Message) -> Message | bool:
        """The answer to a call on one of our paths; False leaves the message to dbus-next."""
        path = message.path or ""
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        try:
            reply = self._answer(path, message)
        except DBusError as error:
            reply = Message.new_error(message, error.type, error.text)
        if reply is None:
            return False
        return True if message.flags & MessageFlag.NO_REPLY_EXPECTED else reply

    def _answer(self, path: str, message: Message) -> Message | None:
        """None leaves the message to dbus-next. Raises DBusError."""
        member = (message.interface or _interface_of(message), message.member, message.signature)
        if member == _INTROSPECT:
            node = self._node(path)
            return Message.new_method_return(message, "s", [node.tostring()]) if node else None
        if path == OBJECT_ROOT:
            self._correct(message, member)
            return None
        if not path.startswith(TASK_PATH) or member not in (_GET, _GET_ALL, _SET):
            return None
        shown = self._properties(self._task(path), message.body[0])
        if member == _GET_ALL:
            return Message.new_method_return(message, "a{sv}", [shown])
        if message.body[1] not in shown:
            raise DBusError(ErrorType.UNKNOWN_PROPERTY, f"{INTERFACE} has no property {excerpt(message.body[1])}")
        if member == _SET:
            raise DBusError(
                ErrorType.PROPERTY_READ_ONLY, f"property {excerpt(message.body[1])} of a task cannot be set"
            )
        return Message.new_method_return(message, "v", [shown[message.body[1]]])

    def _correct(self, message: Message, member: tuple[str, str | None, str]) -> None:
        """For dbus-next, which goes on with the message. Raises DBusError."""
        if member in (_GET, _GET_ALL, _SET) and message.body[0] == "":
            message.body[0] = self._manager.name
        wanted = self._wanted.get(message.member or "") if message.interface == self._manager.name else None
        if wanted is not None and wanted != message.signature:
            text = f"{message.member} takes '{wanted}', not {excerpt(message.signature)}"
            raise DBusError(ErrorType.INVALID_ARGS, text)

    def _task(self, path: str) -> Task:
        """Raises DBusError."""
        task_id = TaskId.from_object_path(path)
        for task in self._open_tasks() if task_id else []:
            if task.id == task_id:
                return task
        raise DBusError(
            ErrorType.UNKNOWN_OBJECT, f"no task at {excerpt(path)} is open (ended ones: GetTask of the Manager)"
        )

    def _properties(self, task: Task, interface: str) -> dict[str, Variant]:
        """An empty interface means "whatever has it" (D-Bus specification, Properties)."""
        if interface in _STANDARD:
            return {}
        if interface not in (INTERFACE, ""):
            raise DBusError(ErrorType.UNKNOWN_INTERFACE, f"a task has no interface {excerpt(interface)}")
        wire = task_to_wire(task)
        return {name: wire.get(key, _NEVER) for name, key in PROPERTIES.items()}

    def _node(self, path: str) -> intr.Node | None:
        """None for those above the root, which dbus-next knows. Raises DBusError."""
        if path == OBJECT_ROOT:
            return _with_children(path, ["task"], [self._manager.introspect()])
        if path == PARENT:
            return _with_children(
                path, [task.id.object_path.removeprefix(TASK_PATH) for task in self._open_tasks()], []
            )
        if OBJECT_ROOT.startswith(f"{path.rstrip('/')}/"):
            return None
        if not path.startswith(TASK_PATH):
            raise DBusError(ErrorType.UNKNOWN_OBJECT, f"there is no object {excerpt(path)}")
        self._task(path)
        shown: list[intr.Property] = [
            Property(name, TASK_SIGNATURES[key], emits="true" if name in _CHANGING else "false")
            for name, key in PROPERTIES.items()
        ]
        return _with_children(path, [], [intr.Interface(INTERFACE, properties=shown)])


def properties_changed(task: Task) -> tuple[str, dict[str, Variant], tuple[str, ...]]:
    """The body of the signal of the task's object for its new state. What SetTaskProperties changes tells nobody."""
    return INTERFACE, {"State": a_variant("s", str(task.state)), "Started": a_variant("t", task.started_usec)}, ()


def _with_children(path: str, children: Sequence[str], interfaces: list[Any]) -> intr.Node:
    node = intr.Node.default(path)
    node.interfaces = [each for each in node.interfaces if each.name in _STANDARD] + interfaces
    node.nodes = [intr.Node(child) for child in children]
    return node


def _interface_of(message: Message) -> str:
    """A call may leave its interface out."""
    return _STANDARD[0] if message.member == "Introspect" else _STANDARD[2]
