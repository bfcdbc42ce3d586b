# SPDX-License-Identifier: LGPL-2.1-or-later
"""What introspection should show and dbus-next has no place for: names of what comes out, and which properties tell
their changes."""

from __future__ import annotations

from typing import Final, Literal
from xml.etree import ElementTree

from dbus_next import PropertyAccess
from dbus_next import introspection as intr

_OUT_NAMES: Final = {
    "BatchSubmit": ("answers",),
    "BatchQueue": ("answers",),
    "BatchTest": ("forecasts",),
    "WorkorderStart": ("ids",),
    "ListTasks": ("tasks",),
    "GetTask": ("task",),
    "Explain": ("reasons",),
    "GetPlan": ("plan",),
    "ListEvents": ("events",),
    "ListUnits": ("units",),
    "GetUnitProblems": ("problems",),
    "BatchComplete": ("id", "params", "estimated_slots_remaining"),
    "BatchFailed": ("id", "params", "estimated_slots_remaining"),
    "TaskChanged": ("sequence", "id", "state", "details"),
}
"""Of what goes in, dbus-next takes the names from the source."""


class Property(intr.Property):
    """A property that can be read, and whether its changes are told (D-Bus specification, "EmitsChangedSignal")."""

    def __init__(self, name: str, signature: str, *, emits: Literal["const", "false", "true"]) -> None:
        super().__init__(name, signature, PropertyAccess.READ)
        self._emits = emits

    def to_xml(self) -> ElementTree.Element:
        element = super().to_xml()
        annotation = {"name": "org.freedesktop.DBus.Property.EmitsChangedSignal", "value": self._emits}
        ElementTree.SubElement(element, "annotation", annotation)
        return element


def complete(manager: intr.Interface) -> intr.Interface:
    """The Manager's interface as dbus-next shows it, with what is missing."""
    for answering in manager.methods:
        _name(answering.out_args, answering.name)
    for telling in manager.signals:
        _name(telling.args, telling.name)
    manager.properties = [_constant(each) if each.name == "Version" else each for each in manager.properties]
    return manager


def _name(arguments: list[intr.Arg], member: str) -> None:
    for argument, name in zip(arguments, _OUT_NAMES.get(member, ()), strict=True):
        argument.name = name


def _constant(of: intr.Property) -> Property:
    return Property(of.name, of.signature, emits="const")
