"""The data-quality page: what was asked of the data of the last run, how severe it is, and how many rows broke it.

Names of files, columns and rules, and counts; nothing that stands in a row.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any


def write(found: dict[str, Any], target: Path) -> None:
    """Writes the page.

    Args:
        found: what `reporting.status` tells.
        target: the file; an older page is replaced in one step.
    """
    import jinja2

    here = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    last = found["last_run"] or {"checks": [], "loads": [], "quarantine": [], "run_id": None, "published": False}
    checks = sorted(last["checks"], key=lambda check: (check["asset"], check["passed"], check["check_name"]))
    page = here.get_template("quality_page.html.j2").render(
        published=found["published"],
        last=last,
        failed=[check for check in checks if not check["passed"]],
        by_asset=[(asset, list(of)) for asset, of in groupby(checks, key=lambda check: check["asset"])],
    )
    draft = target.with_name(f".{target.name}.draft")
    draft.write_text(page, encoding="utf-8")
    draft.replace(target)
