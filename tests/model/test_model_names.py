# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sd_taskpacker.model.names import (
    MAX_COMPONENT,
    MAX_DEPTH,
    MAX_UNIT_NAME,
    TASK_PATH,
    TaskId,
    check_component,
    child_name,
)

ALPHABET = "aZ09_.+-"
COMPONENT = st.text(alphabet=ALPHABET, min_size=1, max_size=8).filter(lambda text: text not in (".", ".."))
NAME = st.lists(COMPONENT, min_size=1, max_size=3).map("/".join)
ID = st.builds(TaskId.make, NAME, COMPONENT)


@given(ID)
def test_every_derived_name_leads_back_to_the_id(task: TaskId) -> None:
    assert TaskId.parse(str(task)) == task
    assert TaskId.from_unit_name(task.unit_name) == task
    assert TaskId.from_object_path(task.object_path) == task


@given(ID, ID)
def test_different_ids_have_nothing_in_common(one: TaskId, other: TaskId) -> None:
    if one != other:
        assert one.unit_name != other.unit_name
        assert one.object_path != other.object_path
        assert (one.root, one.directory) != (other.root, other.directory)


@given(ID)
def test_derived_names_are_legal_for_their_readers(task: TaskId) -> None:
    assert set(task.object_path.removeprefix(TASK_PATH)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"
    )
    assert set(task.unit_name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-")
    assert all(part not in ("", ".", "..") and "/" not in part for part in task.directory)


@given(ID, ID)
def test_no_work_directory_lies_inside_another(one: TaskId, other: TaskId) -> None:
    if one != other and one.root == other.root:
        assert one.directory != other.directory[: len(one.directory)]


def test_the_names_of_the_design() -> None:
    task = TaskId.parse("build/massif@20261121.0")
    assert task.unit_name == "taskpacker-build-massif:20261121.0.service"
    assert task.object_path == TASK_PATH + "build_2fmassif_4020261121_2e0"
    assert task.directory == ("massif", "@20261121.0")
    assert task.root == "build"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "a@b",
        "ä",
        "a\n",
        "a\0",
        "\u0661",
        "x" * MAX_COMPONENT,
        "a:b",
        "a\\x2d",
        "\0" * 60,
    ],
)
def test_a_hostile_component_is_refused_with_a_short_printable_message(text: str) -> None:
    with pytest.raises(ValueError, match="^version ") as caught:
        check_component(text, "version")
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_a_hostile_id_too() -> None:
    for text in ("\U000e0001" * 60, "x" * 300 + "@1"):
        with pytest.raises(ValueError, match=".") as caught:
            TaskId.parse(text)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["", "a", "@", "a@", "@1", "a@1@2", "/a@1", "a/@1", "a//b@1", "../a@1", "a/..@1", "a@.."]
)
def test_a_hostile_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TaskId.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert str(TaskId.parse(text)) == text
    assert TaskId.from_unit_name(text) is None
    assert TaskId.from_object_path(text) is None


@given(st.text(alphabet="a-\\x2d:./_f0", max_size=20))
def test_a_foreign_unit_or_path_is_nobodys_or_exactly_ours(middle: str) -> None:
    unit, path = f"taskpacker-{middle}.service", TASK_PATH + middle
    by_unit, by_path = TaskId.from_unit_name(unit), TaskId.from_object_path(path)
    assert by_unit is None or by_unit.unit_name == unit
    assert by_path is None or by_path.object_path == path


def test_depth_and_length_are_limited() -> None:
    assert TaskId.make("/".join("a" * MAX_DEPTH), "1")
    with pytest.raises(ValueError, match="at most 32"):
        TaskId.make("/".join("a" * (MAX_DEPTH + 1)), "1")
    fitting = "a" * (MAX_UNIT_NAME - len("taskpacker-:1.service"))
    assert len(TaskId.make(fitting, "1").unit_name) == MAX_UNIT_NAME
    with pytest.raises(ValueError, match="longer than 255 bytes"):
        TaskId.make(fitting + "a", "1")


def test_a_child_stands_below_its_parent() -> None:
    assert child_name(TaskId.parse("build@1"), "massif") == "build/massif"
    assert child_name(None, "massif") == "massif"
