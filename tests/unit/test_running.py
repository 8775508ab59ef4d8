"""A run from the command line, without what it runs."""

from __future__ import annotations

import os
import subprocess
import sys


def test_first_runs_of_two_warehouses_do_not_disturb_each_other(tmp_path):
    """A regression: Dagster makes the tables of a new folder without a lock, and one of the runs ended with its error."""
    code = "from pipelines.running import open_instance\nwith open_instance() as one: print(one.get_runs_count())"
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, b"0\n"), err.decode()[-2000:]
