# SPDX-License-Identifier: LGPL-2.1-or-later
"""For people, after a change: `python -m tests.drawing.look DIRECTORY` writes drawings there, to be looked at."""

from __future__ import annotations

import sys
from pathlib import Path

from sd_taskpacker.drawing import as_html, as_json, as_svg, as_text
from tests.drawing.situations import Situation, hostile, many, overcommitted, small


def write(directory: Path) -> None:
    situations = {
        "empty": Situation(),
        "small": small(),
        "over": overcommitted(),
        "hostile": hostile(),
        "200": many(200),
        "5000": many(5_000).without_place("huge@20261121.1", "needs 64G of memory, the budget is 32G"),
    }
    for name, situation in situations.items():
        view = situation.view()
        for suffix, renderer in (("svg", as_svg), ("html", as_html), ("txt", as_text), ("json", as_json)):
            (directory / f"{name}.{suffix}").write_text(renderer.render(view), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
