# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a page says of keys, options, members and numbers, read off the tables that the program itself goes by."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from sd_taskpacker.cli.arguments import DEFAULT_VERB, VERBS, outer_parser, verb_parser
from sd_taskpacker.cli.statuses import EXIT_STATUSES
from sd_taskpacker.manual.blocks import Block, Item, Paragraph
from sd_taskpacker.manual.words import RESULTS
from sd_taskpacker.model.config import Config
from sd_taskpacker.model.notices import FIELDS, NOTICES
from sd_taskpacker.model.sections import BatchSection, ParameterSection, UnitSection, WorkorderSection
from sd_taskpacker.model.service_refused import refusals
from sd_taskpacker.model.service_table import EXEC, KILL, RESOURCES, SERVICE
from sd_taskpacker.model.unit import Kind

_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "Unit": UnitSection,
    "Workorder": WorkorderSection,
    "Batch": BatchSection,
    "Parameter": ParameterSection,
}
_SERVICE: Final = {
    "systemd.exec(5)": EXEC,
    "systemd.kill(5)": KILL,
    "systemd.service(5)": SERVICE,
    "systemd.resource-control(5)": RESOURCES,
}


def unit_keys(section: str) -> list[Block]:
    """Those of `[Batch]` are what it has beyond `[Workorder]`."""
    table = _SECTIONS[section]
    inherited = WorkorderSection.model_fields if table is BatchSection else {}
    fields = [field for name, field in table.model_fields.items() if name not in inherited]
    return [Item((f"{field.alias}=",), field.description or "") for field in fields]


def service_settings(_: str) -> list[Block]:
    return [Item((page,), _keys(settings)) for page, settings in _SERVICE.items()]


def service_refused(_: str) -> list[Block]:
    """Keys that share a reason share an entry."""
    reasons: dict[str, list[str]] = {}
    in_any = refusals(Kind.WORKORDER)
    for key, reason in refusals(Kind.BATCH).items():
        text = reason if key in in_any else f"in a batch unit, {reason}"
        reasons.setdefault(text, []).append(key)
    return [Paragraph(f"{_keys(keys)}: {reason}.") for reason, keys in reasons.items()]


def _keys(names: Iterable[str]) -> str:
    return ", ".join(f"{name}=" for name in sorted(names))


def config_keys(_: str) -> list[Block]:
    blocks: list[Block] = []
    for name, section in Config.model_fields.items():
        table = type(section.default)
        blocks.append(Item((f"[{name}]",), ""))
        for key, field in table.model_fields.items():
            default = str(field.default).lower() if isinstance(field.default, bool) else repr(field.default)
            text = f"{field.description} Default: {default.replace(chr(39), chr(34))}."
            blocks.append(Item((f"{key} =",), text, depth=1))
    return blocks


def verbs(_: str) -> list[Block]:
    blocks: list[Block] = []
    common = _option_names(outer_parser())
    for name, verb in VERBS.items():
        default = " This is what is done without a verb." if name == DEFAULT_VERB else ""
        blocks.append(Item((f"{name} {verb.operands}".rstrip(),), f"{verb.summary}.{default}"))
        actions = [each for each in verb_parser(name)._actions if not common & {*each.option_strings}]
        blocks += _items(actions, depth=1)
    return blocks


def common_options(_: str) -> list[Block]:
    return list(_items((each for each in outer_parser()._actions if each.option_strings), depth=0))


def _option_names(parser: ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


def _items(actions: Iterable[Action], depth: int) -> Iterator[Item]:
    for action in actions:
        if action.help and action.help != SUPPRESS:
            yield Item((_term(action),), action.help % {**vars(action), "prog": ""}, depth)


def _term(action: Action) -> str:
    value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    if not action.option_strings:
        return str(value)
    names = ", ".join(action.option_strings)
    match action.nargs:
        case 0:
            return names
        case "?":
            return f"{names}[={value}]"
        case _:
            return f"{names} {value}"


def exit_statuses(_: str) -> list[Block]:
    return [Item((str(status),), text) for status, text in EXIT_STATUSES.items()]


def results(_: str) -> list[Block]:
    return [Item((str(result),), text) for result, text in RESULTS.items()]


def message_ids(_: str) -> list[Block]:
    return [
        Item((f"{notice.id} ({notice.name})",), f"{_without_fields(notice.subject)}. {_without_fields(notice.text)}")
        for notice in NOTICES
    ]


def _without_fields(text: str) -> str:
    """The catalogue fills in fields of an entry; a page has none."""
    words: dict[str, str] = {
        " @TASKPACKER_TASK@": "",
        " (@TASKPACKER_RESULT@)": "",
        " @TASKPACKER_ROOT@": "",
    }
    commands = {"taskpackerctl why @TASKPACKER_TASK@": "taskpackerctl why ID"}
    commands |= {"taskpackerctl status @TASKPACKER_TASK@": "taskpackerctl status ID"}
    commands |= {"taskpackerctl recommission @TASKPACKER_ROOT@": "taskpackerctl recommission ROOT"}
    for found, instead in (commands | words).items():
        text = text.replace(found, instead)
    return text


def journal_fields(_: str) -> list[Block]:
    return [Item((f"{name}=",), text) for name, text in FIELDS.items()]


TABLES: Final[Mapping[str, Any]] = {
    "unit-keys": unit_keys,
    "service-settings": service_settings,
    "service-refused": service_refused,
    "config-keys": config_keys,
    "verbs": verbs,
    "common-options": common_options,
    "exit-statuses": exit_statuses,
    "results": results,
    "message-ids": message_ids,
    "journal-fields": journal_fields,
}
