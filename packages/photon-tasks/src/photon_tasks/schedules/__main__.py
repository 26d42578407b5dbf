"""``python -m photon_tasks.schedules TEXT [TIMEZONE]``: the next tick of a text, for programs.

Its output is the tick in the time zone, in the form of ISO 8601. Of a text that is invalid, the
last line of the errors is the reason, and the exit code is 2.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from ._texts import find_zone, parse


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m photon_tasks.schedules")
    parser.add_argument("text")
    parser.add_argument("timezone", nargs="?", default="UTC")
    parser.add_argument("--after", type=datetime.fromisoformat, default=datetime.now(UTC))
    arguments = parser.parse_args()
    try:
        tick = parse(arguments.text, arguments.timezone).after(arguments.after.timestamp())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(datetime.fromtimestamp(tick, find_zone(arguments.timezone)).isoformat())
    return 0


if __name__ == "__main__":
    sys.exit(_main())
