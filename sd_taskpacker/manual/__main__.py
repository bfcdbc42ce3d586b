# SPDX-License-Identifier: LGPL-2.1-or-later
"""`python -m sd_taskpacker.manual TEMPLATES DIRECTORY`: the manual pages and the journal's catalogue, for a package.

TEMPLATES has a NAME.SECTION.rst for each page (packaging/man of a checkout). DIRECTORY gets man/NAME.SECTION and
sd-taskpacker.catalog.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sd_taskpacker.manual import bus_tables, tables
from sd_taskpacker.manual.catalogue import catalogue
from sd_taskpacker.manual.roff import page
from sd_taskpacker.manual.template import read
from sd_taskpacker.model.notices import NOTICES

TABLES: Final[Mapping[str, Any]] = {**tables.TABLES, **bus_tables.TABLES}


def pages(templates: Path) -> dict[str, str]:
    """NAME.SECTION -> the page. Raises ValueError for a directive that there is not, OSError."""
    made = {}
    for template in sorted(templates.glob("*.rst")):
        name, _, section = template.stem.rpartition(".")
        made[template.stem] = page(name, section, read(template.read_text("utf-8"), TABLES))
    return made


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m sd_taskpacker.manual TEMPLATES DIRECTORY\n")
        return 2
    templates, directory = map(Path, arguments)
    (directory / "man").mkdir(parents=True, exist_ok=True)
    for name, text in pages(templates).items():
        (directory / "man" / name).write_text(text, "utf-8")
    (directory / "sd-taskpacker.catalog").write_text(catalogue(NOTICES), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
