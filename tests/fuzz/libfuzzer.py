# SPDX-License-Identifier: LGPL-2.1-or-later
"""One target under atheris, Google's coverage-guided fuzzer for Python; tests/fuzz/run starts it.

Arguments: the target, then libFuzzer's own (-max_total_time=SECONDS, directories of seeds).
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

# It is no dependency of the project, has no types, and has to be there before what it instruments is imported.
atheris: Any = importlib.import_module("atheris")


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["sd_taskpacker", "dbus_next", "re._parser"]):
        target = importlib.import_module(f"tests.fuzz.{name}").target
    # A warning of Python's is printed, with lines of our source: to be found here as it is in the tests.
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
