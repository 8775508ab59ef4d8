"""How large a sheet of a workbook is: a program of its own, which may die of a workbook in place of a run.

It imports nothing of the project, so that it starts in a few hundredths of a second. It prints one JSON object: `rows`
and `columns`, or `error`, the name of what went wrong.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path


def main(path: str, sheet: str, memory: int, seconds: int) -> None:
    """Prints the size of a sheet.

    Args:
        path: the workbook.
        sheet: the name of the sheet; empty: the first.
        memory: bytes that this process may take.
        seconds: CPU seconds that it may need.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    from python_calamine import load_workbook

    try:
        # As an open file, so that the content and not the name says of which kind it is.
        with Path(path).open("rb") as stream:
            workbook = load_workbook(stream)
            page = workbook.get_sheet_by_name(sheet) if sheet else workbook.get_sheet_by_index(0)
        end = page.end or (-1, -1)
        found: dict[str, int | str] = {"rows": end[0] + 1, "columns": end[1] + 1}
    except MemoryError:
        raise
    except BaseException as error:  # a panic of the reader's is no Exception
        found = {"error": type(error).__name__}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
