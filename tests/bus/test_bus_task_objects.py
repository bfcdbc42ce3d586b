# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

from typing import Any

import pytest
from dbus_next import Message, MessageFlag, MessageType, Variant
from dbus_next import introspection as intr
from dbus_next.service import ServiceInterface

from sd_taskpacker.bus.task_objects import INTERFACE, PARENT, PROPERTIES, TaskObjects
from sd_taskpacker.bus.wire import TASK_SIGNATURES
from sd_taskpacker.model.task import TaskState, describe
from sd_taskpacker.model.values import Value
from tests.bus.builders import a_task, a_workorder

TASK = a_task(params=(("n", Value("u", 3)),))
PATH = TASK.id.object_path
INTROSPECTABLE, PROPS = "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties"


def ask(path: str, interface: str, member: str, signature: str = "", *body: Any, **more: Any) -> Message | bool:
    objects = TaskObjects(lambda: [TASK, a_workorder()], ServiceInterface("org.example.Manager"))
    message = Message(path=path, interface=interface, member=member, signature=signature, body=list(body), **more)
    message.serial, message.sender = 1, ":1.1"
    return objects.handle(message)


def answer(path: str, interface: str, member: str, signature: str = "", *body: Any) -> Any:
    reply = ask(path, interface, member, signature, *body)
    assert isinstance(reply, Message)
    assert reply.message_type is MessageType.METHOD_RETURN, reply.body
    return reply.body[0]


def error(path: str, member: str, signature: str, *body: Any) -> str:
    reply = ask(path, PROPS, member, signature, *body)
    assert isinstance(reply, Message)
    return str(reply.error_name).rpartition(".")[2]


def test_every_property_has_a_value_for_every_task() -> None:
    bare = a_workorder(description="")
    assert set(PROPERTIES.values()) - {"started", "promised"} <= describe(bare).keys()
    assert set(PROPERTIES.values()) <= TASK_SIGNATURES.keys()


def test_parent_lists_the_open_tasks() -> None:
    node = intr.Node.parse(answer(PARENT, INTROSPECTABLE, "Introspect"))
    assert [f"{PARENT}/{child.name}" for child in node.nodes] == [PATH, a_workorder().id.object_path]


def test_task_is_introspectable() -> None:
    node = intr.Node.parse(answer(PATH, INTROSPECTABLE, "Introspect"))
    shown = node.interfaces[-1]
    assert (shown.name, len(shown.properties)) == (INTERFACE, len(PROPERTIES))
    assert {prop.access.value for prop in shown.properties} == {"read"}


@pytest.mark.parametrize("interface", [INTERFACE, ""])
def test_get_and_get_all_agree(interface: str) -> None:
    everything = answer(PATH, PROPS, "GetAll", "s", interface)
    assert everything["Parameters"] == Variant("a{sv}", {"n": Variant("u", 3)})
    assert set(everything) == set(PROPERTIES)
    for name, value in everything.items():
        assert answer(PATH, PROPS, "Get", "ss", interface, name) == value


def test_standard_interfaces_have_no_properties() -> None:
    assert answer(PATH, PROPS, "GetAll", "s", "org.freedesktop.DBus.Peer") == {}


def test_mistakes_have_the_standard_errors() -> None:
    assert error(PATH, "Set", "ssv", INTERFACE, "Priority", Variant("u", 1)) == "PropertyReadOnly"
    assert error(PATH, "Get", "ss", INTERFACE, "Colour") == "UnknownProperty"
    assert error(PATH, "GetAll", "s", "org.example.Other") == "UnknownInterface"
    assert error(a_task("gone@1").id.object_path, "GetAll", "s", INTERFACE) == "UnknownObject"
    assert error(PARENT + "/no_task", "GetAll", "s", INTERFACE) == "UnknownObject"


@pytest.mark.parametrize("path", ["/", "/org"])
def test_what_lies_above_is_left_to_the_library(path: str) -> None:
    assert ask(path, INTROSPECTABLE, "Introspect") is False


@pytest.mark.parametrize("path", ["/nope", "/or", "/org/example", PARENT + "s", PATH.replace("task", "tusk")])
def test_there_is_nothing_to_introspect_elsewhere(path: str) -> None:
    reply = ask(path, INTROSPECTABLE, "Introspect")
    assert isinstance(reply, Message)
    assert reply.error_name == "org.freedesktop.DBus.Error.UnknownObject"


@pytest.mark.parametrize("path", ["/org/sdtaskpacker1", PARENT, PATH])
def test_no_object_manager_is_advertised(path: str) -> None:
    assert "ObjectManager" not in answer(path, INTROSPECTABLE, "Introspect")


def test_a_task_tells_only_when_it_starts_and_ends() -> None:
    shown = answer(PATH, INTROSPECTABLE, "Introspect")
    assert shown.count('EmitsChangedSignal" value="false"') == len(PROPERTIES) - 2
    told = [part.partition('"')[0] for part in shown.split('<property name="') if 'value="true"' in part]
    assert told == ["State", "Started"]


def test_a_task_that_waits_has_an_object_and_no_start() -> None:
    waiting = a_task("late@1", state=TaskState.WAITING, started_usec=0, promised_usec=70)
    objects = TaskObjects(lambda: [waiting], ServiceInterface("org.example.Manager"))
    call = Message(path=waiting.id.object_path, interface=PROPS, member="GetAll", signature="s", body=[INTERFACE])
    call.serial, call.sender = 1, ":1.1"
    reply = objects.handle(call)
    assert isinstance(reply, Message)
    shown = reply.body[0]
    assert [shown[name].value for name in ("State", "Started", "Promised")] == ["waiting", 0, 70]


def test_other_members_are_left_to_the_library() -> None:
    assert ask(PATH, "org.freedesktop.DBus.Peer", "Ping") is False
    assert ask("/org/sdtaskpacker1", PROPS, "GetAll", "s", INTERFACE) is False


def test_who_wants_no_reply_gets_none() -> None:
    assert ask(PATH, INTROSPECTABLE, "Introspect", flags=MessageFlag.NO_REPLY_EXPECTED) is True
