"""The production setting: PostgreSQL, and the processes that the systemd units start, with what they say of themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from pipelines.settings import PROJECT_ROOT
from tests.pages.conftest import BIN, Dev, sample_of
from tests.unit.test_deploy import DEPLOY, unit

pytestmark = pytest.mark.xdist_group("pages")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A PostgreSQL server of its own; it does not run as root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not here: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgres")
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_owner:
        # The parents belong to root alone.
        folder = Path(
            subprocess.run(
                [*as_owner, "mktemp", "-d"], capture_output=True, text=True, check=True, cwd="/"
            ).stdout.strip()
        )
    port = Dev.free_port()
    data = folder / "data"
    subprocess.run(
        [*as_owner, found[-1], "-D", data, "-U", "dagster", "--auth=trust"], check=True, capture_output=True, cwd="/"
    )
    command = [*as_owner, found[-1].with_name("postgres"), "-D", data, "-p", str(port), "-k", str(folder)]
    server = subprocess.Popen(
        command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    ready = [found[-1].with_name("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    try:
        Dev.wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0, 60)
        subprocess.run(
            [found[-1].with_name("createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "dagster", "dagster"],
            check=True,
        )
        yield port
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def test_the_units_run_the_warehouse_on_postgresql(postgres, tmp_path):
    dev = Dev(tmp_path, PERFWH_AUTOMATION='["watch_landing_zone"]')
    shutil.copy(DEPLOY / "production" / "dagster.yaml", dev.home / "dagster.yaml")
    dev.environment |= {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(postgres),
        "DAGSTER_PG_USERNAME": "dagster",
        "DAGSTER_PG_PASSWORD": "none",
        "DAGSTER_PG_DB": "dagster",
        "PERFWH_CODE_HOST": "127.0.0.1",
        "PERFWH_CODE_PORT": str(Dev.free_port()),
        "PERFWH_WEB_PORT": str(dev.port),
    }
    exports = sample_of(tmp_path / "exports", employees=40, months=3)
    for room in sorted(exports.iterdir()):
        shutil.copytree(room, dev.landing / room.name)
    started = []
    with dev.log.open("a") as log:
        try:
            for name in ("perfwh-code", "perfwh-webserver", "perfwh-daemon"):
                program, *arguments = shlex.split(unit(name)["ExecStart"])
                given = [dev.environment[one[2:-1]] if one.startswith("${") else one for one in arguments]
                started.append(
                    subprocess.Popen(
                        [BIN / Path(program).name, *given],
                        cwd=PROJECT_ROOT,
                        env=dev.environment,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
            dev.wait_for(dev.is_up, 120)
            dev.wait_for(lambda: dev.has_ended(1), 240)
            assert [run["status"] for run in dev.runs()] == ["SUCCESS"], dev.log.read_text()[-3000:]
        finally:
            for process in reversed(started):
                os.killpg(process.pid, signal.SIGTERM)
            for process in started:
                process.wait(60)
    assert (dev.warehouse / "published").is_symlink()
    assert not list(dev.home.rglob("*.db")), "runs are kept in PostgreSQL alone"
