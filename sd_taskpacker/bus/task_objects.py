# SPDX-License-Identifier: LGPL-2.1-or-later
"""An object on the bus for every open task, made when somebody asks.

dbus-next would want one exported interface per task, with signals for each coming and going, and a scan over all of
them for every signal that we send. Nobody may ever look: so nothing is exported, and calls below
/org/sdtaskpacker1/task are answered here from the list of open tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dbus_next import DBusError, ErrorType, Message, MessageFlag, MessageType, PropertyAccess, Variant
from dbus_next import introspection as intr
from dbus_next.service import ServiceInterface

from sd_taskpacker.bus.wire import TASK_SIGNATURES, task_to_wire
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
}
"""Property -> key of GetTask. Those that every task has: a D-Bus property cannot be absent."""

_STANDARD = ("org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Properties")
_INTROSPECT = (_STANDARD[0], "Introspect", "")
_GET, _GET_ALL, _SET = ((_STANDARD[2], *rest) for rest in (("Get", "ss"), ("GetAll", "s"), ("Set", "ssv")))


class TaskObjects:
    """Add `handle` to the connection. `open_tasks` lists what has an object now; `manager` is what is exported at
    the root, whose introspection is answered here too, since dbus-next does not know of the child `task`."""

    def __init__(self, open_tasks: Callable[[], list[Task]], manager: ServiceInterface) -> None:
        self._open_tasks = open_tasks
        self._manager = manager

    def handle(self, message: Message) -> Message | bool:
        """The answer to a call on one of our paths; False leaves the message to dbus-next."""
        path = message.path or ""
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if path not in (OBJECT_ROOT, PARENT) and not path.startswith(TASK_PATH):
            return False
        try:
            reply = self._answer(path, message)
        except DBusError as error:
            reply = Message.new_error(message, error.type, error.text)
        if reply is None:
            return False
        return True if message.flags & MessageFlag.NO_REPLY_EXPECTED else reply

    def _answer(self, path: str, message: Message) -> Message | None:
        member = (message.interface or _interface_of(message), message.member, message.signature)
        if member == _INTROSPECT:
            return Message.new_method_return(message, "s", [self._node(path).tostring()])
        if not path.startswith(TASK_PATH) or member not in (_GET, _GET_ALL, _SET):
            return None
        shown = self._properties(self._task(path), message.body[0])
        if member == _GET_ALL:
            return Message.new_method_return(message, "a{sv}", [shown])
        if message.body[1] not in shown:
            raise DBusError(ErrorType.UNKNOWN_PROPERTY, f"{INTERFACE} has no property '{message.body[1]}'")
        if member == _SET:
            raise DBusError(ErrorType.PROPERTY_READ_ONLY, f"property '{message.body[1]}' of a task cannot be set")
        return Message.new_method_return(message, "v", [shown[message.body[1]]])

    def _task(self, path: str) -> Task:
        """Raises DBusError."""
        task_id = TaskId.from_object_path(path)
        for task in self._open_tasks() if task_id else []:
            if task.id == task_id:
                return task
        raise DBusError(ErrorType.UNKNOWN_OBJECT, f"no task at {path} is open (ended ones: GetTask of the Manager)")

    def _properties(self, task: Task, interface: str) -> dict[str, Variant]:
        """An empty interface means "whatever has it" (D-Bus specification, Properties)."""
        if interface in _STANDARD:
            return {}
        if interface not in (INTERFACE, ""):
            raise DBusError(ErrorType.UNKNOWN_INTERFACE, f"a task has no interface '{interface}'")
        wire = task_to_wire(task)
        return {name: wire[key] for name, key in PROPERTIES.items()}

    def _node(self, path: str) -> intr.Node:
        if path == OBJECT_ROOT:
            return _with_children(path, ["task"], [self._manager.introspect()], standard=None)
        if path == PARENT:
            return _with_children(
                path, [task.id.object_path.removeprefix(TASK_PATH) for task in self._open_tasks()], []
            )
        self._task(path)
        shown = [intr.Property(name, TASK_SIGNATURES[key], PropertyAccess.READ) for name, key in PROPERTIES.items()]
        return _with_children(path, [], [intr.Interface(INTERFACE, properties=shown)])


def _with_children(
    path: str, children: Sequence[str], interfaces: list[Any], *, standard: Sequence[str] | None = _STANDARD
) -> intr.Node:
    node = intr.Node.default(path)
    node.interfaces = [each for each in node.interfaces if standard is None or each.name in standard] + interfaces
    node.nodes = [intr.Node(child) for child in children]
    return node


def _interface_of(message: Message) -> str:
    """A call may leave its interface out."""
    return _STANDARD[0] if message.member == "Introspect" else _STANDARD[2]
