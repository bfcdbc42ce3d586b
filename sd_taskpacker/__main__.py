# SPDX-License-Identifier: LGPL-2.1-or-later
"""`python -m sd_taskpacker` is taskpackerctl."""

import sys

from sd_taskpacker.cli.main import main

sys.exit(main())
