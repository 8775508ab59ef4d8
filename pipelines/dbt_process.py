"""dbt as a run starts it: it ends with its run, however that one ends, and nobody builds beside it until it has.

A dbt that outlives a killed run would go on writing into the database of the next one.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from pipelines.locking import build_lock

_LOOKS_EVERY = 0.2


def main() -> None:
    """Runs dbt's command line."""
    told = json.loads(sys.argv[sys.argv.index("--vars") + 1])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with build_lock(Path(told["build_database"])):
        from dbt.cli.main import cli

        cli()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_EVERY)
    os._exit(1)
