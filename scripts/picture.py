"""Draws the asset graph as Dagster shows it, for the README: starts the web server, photographs it, stops it.

Needs headless Chromium (apt-get install chromium). Usage: python scripts/picture.py [--path /asset-groups] [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(url: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"{url} did not answer within {seconds:.0f} s")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--path", default="/asset-groups", help="page to photograph")
    options.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "asset_graph.png")
    options.add_argument("--size", default="2600,1500", help="window, in pixels")
    given = options.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("chromium is not here: apt-get install chromium")
    port = _free_port()
    dagster_home = os.environ.get("DAGSTER_HOME", str(ROOT / ".dagster"))
    Path(dagster_home).mkdir(exist_ok=True)
    webserver = Path(sys.executable).parent / "dagster-webserver"
    server = subprocess.Popen(
        [webserver, "--host", "127.0.0.1", "--port", str(port), "-w", str(ROOT / "workspace.yaml")],
        cwd=ROOT,
        env={**os.environ, "DAGSTER_HOME": dagster_home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", 90)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--hide-scrollbars",
                    f"--user-data-dir={profile}", f"--window-size={given.size}", "--timeout=45000",
                    "--virtual-time-budget=60000", f"--screenshot={given.out}", f"http://127.0.0.1:{port}{given.path}",
                ],
                check=True,
                capture_output=True,
            )  # fmt: skip
    finally:
        server.terminate()
        server.wait(20)
    print(given.out)


if __name__ == "__main__":
    main()
