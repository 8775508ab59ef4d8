"""Dagster's pages and ours in a real browser: what a data engineer does on the first day, and what an analyst reads.

`PICTURES=folder` keeps the screenshots.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.pages.conftest import BIN, Dev, sample_of

pytestmark = pytest.mark.xdist_group("pages")
PARTITIONS = ["2025-09", "2025-10"]


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are not here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        "--hide-scrollbars", "--window-size=1600,1000",
    ):  # fmt: skip
        options.add_argument(argument)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    """A warehouse that publishes what lands, with its pages beside it."""
    folder = tmp_path_factory.mktemp("dev")
    automation = json.dumps(["watch_landing_zone", "follow_inputs"])
    one = Dev(folder, PERFWH_AUTOMATION=automation)
    pages = Dev.free_port()
    one.environment["PERFWH_PAGES_URL"] = f"http://127.0.0.1:{pages}"
    exports = sample_of(folder / "exports", employees=60, months=6, seed=3)
    with one.started():
        for room in sorted(exports.iterdir()):
            shutil.copytree(room, one.landing / room.name)
        one.wait_for(lambda: one.has_ended(1), 240)
        assert one.runs("warehouse")[0]["status"] == "SUCCESS"
        serving = subprocess.Popen([BIN / "perfwh", "pages", "--serve", str(pages)], env=one.environment)
        try:
            yield one
        finally:
            serving.terminate()
            serving.wait(20)


def shows(browser, url, *texts, seconds=60):
    """Opens a page and waits until it shows some texts."""
    browser.get(url)
    return seen(browser, *texts, seconds=seconds)


def seen(browser, *texts, seconds=60):
    from selenium.webdriver.common.by import By

    until = time.monotonic() + seconds
    while True:
        found = browser.find_element(By.TAG_NAME, "body").text
        missing = [text for text in texts if text not in found]
        if not missing:
            return found
        assert time.monotonic() < until, f"{browser.current_url} does not show {missing}; it shows {found[:2000]}"
        time.sleep(0.5)


def picture(browser, name, height=1000):
    """Keeps what is seen, where somebody asks for it."""
    if folder := os.environ.get("PICTURES"):
        browser.set_window_size(1600, height)
        time.sleep(2)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
        browser.set_window_size(1600, 1000)


def click(browser, text):
    """Clicks a button once it can be; what is drawn anew meanwhile is looked for again."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.by import By

    def is_clicked():
        try:
            for one in browser.find_elements(By.TAG_NAME, "button"):
                if text in one.text and one.is_displayed() and one.is_enabled():
                    one.click()
                    return True
        except WebDriverException:
            pass
        return False

    Dev.wait_for(is_clicked, 30)


def test_a_dropped_file_starts_one_run_and_the_graph_shows_the_way_to_what_is_published(browser, dev):
    assert [run["tags"]["dagster/sensor_name"] for run in dev.runs("warehouse")] == ["watch_landing_zone"]
    groups = (
        "landing",
        "raw",
        "validated",
        "staging",
        "history",
        "facts",
        "morale",
        "retention",
        "published",
        "exposures",
    )
    shows(browser, f"{dev.url}/asset-groups", "Global asset lineage", *groups)
    time.sleep(5)  # until it is drawn
    picture(browser, "asset_graph")
    shows(browser, f"{dev.url}/automation", "watch_landing_zone", "follow_inputs", "nightly", "weekly_retention")


def test_a_range_of_months_is_filled_from_the_page_in_one_run_and_the_marts_follow(browser, dev):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    before = {run["runId"] for run in dev.runs()}
    version = (dev.warehouse / "published").readlink().name
    kept = {path: path.stat().st_mtime_ns for path in (dev.warehouse / "raw").iterdir()}
    shows(
        browser,
        f"{dev.url}/assets/raw/employees?view=overview",
        "Materialize",
        "data-engineering",
        "data_class: person",
    )
    click(browser, "Materialize")
    asked = dev.wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "input[placeholder^='ex: ']"), 30)[0]
    asked.send_keys(Keys.CONTROL, "a")
    asked.send_keys(f"[{PARTITIONS[0]}...{PARTITIONS[-1]}]", Keys.ENTER)
    time.sleep(1)
    picture(browser, "backfill")
    click(browser, "Launch")

    def new():
        return [run for run in dev.runs() if run["runId"] not in before]

    dev.wait_for(lambda: len(new()) >= 2 and dev.has_ended(), 240)
    filled, followed = sorted(new(), key=lambda run: run["creationTime"])
    assert [key["path"] for key in filled["assetSelection"]] == [["raw", "employees"]]
    tags = filled["tags"]
    assert [tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]] == PARTITIONS
    # The files of these months were read anew, and no others.
    now = {path: path.stat().st_mtime_ns for path in (dev.warehouse / "raw").iterdir()}
    assert now.keys() == kept.keys()
    assert sum(now[path] != kept[path] for path in kept) == len(PARTITIONS)
    # What depends on it followed by itself, up to a new version; what does not, did not.
    asset_paths = [key["path"] for key in followed["assetSelection"]]
    assert {run["status"] for run in (filled, followed)} == {"SUCCESS"}
    assert ["validated", "employees"] in asset_paths
    assert ["published", "performance"] in asset_paths
    assert ["validated", "goals"] not in asset_paths
    assert (dev.warehouse / "published").readlink().name != version
    shows(browser, f"{dev.url}/assets/raw/employees?view=partitions", *PARTITIONS)
    time.sleep(3)
    picture(browser, "partitions")


def test_a_check_shows_its_history(browser, dev):
    url = f"{dev.url}/assets/validated/employees?view=checks&checkDetail=rows_are_conserved"
    shows(browser, url, "rows_are_conserved", "Rows read = rows loaded + quarantined + duplicates.", "failing_rows")
    time.sleep(3)
    picture(browser, "check", 1300)
    history = dev.ask(
        'query H($k: AssetKeyInput!) { assetCheckExecutions(assetKey: $k, checkName: "rows_are_conserved", limit: 10) { status } }',
        k={"path": ["validated", "employees"]},
    )["assetCheckExecutions"]
    assert [one["status"] for one in history] == ["SUCCEEDED"] * 2


def test_a_columns_way_is_walked_from_the_mart_to_the_export(browser, dev):
    from selenium.webdriver.common.by import By

    shows(
        browser,
        f"{dev.url}/assets/marts/enps?view=overview",
        "Columns",
        "enps",
        "where_columns_come_from",
        "answers × 100",
    )
    picture(browser, "mart", 2000)
    link = dev.wait_for(lambda: browser.find_elements(By.PARTIAL_LINK_TEXT, "columns.html#marts.enps"), 30)[0]
    browser.get(link.get_attribute("href"))
    seen(browser, "Where each column comes from", "restricted.fct_survey_answer")
    picture(browser, "columns")
    way, column = [], "marts.enps.enps"
    while not column.startswith("validated."):
        row = browser.find_element(By.ID, column)
        way.append(column)
        links = [one.get_attribute("href").partition("#")[2] for one in row.find_elements(By.TAG_NAME, "a")]
        onward = [one for one in links if "answer" in one or "survey" in one]
        browser.get(f"{browser.current_url.partition('#')[0]}#{onward[0]}")
        assert browser.find_element(By.ID, onward[0]).is_displayed()
        column = onward[0]
    assert len(way) >= 3
    assert "qualtrics" in browser.find_element(By.ID, "validated.survey_responses.answer").text


def test_our_pages_tell_the_rules_and_the_trends_in_words(browser, dev):
    pages = dev.environment["PERFWH_PAGES_URL"]
    shows(browser, f"{pages}/index.html", "Data quality", "Rules", "Columns", "Models")
    shows(
        browser,
        f"{pages}/rules.html",
        "What is asked of delivered data, and why",
        "Nobody leaves before the first day.",
    )
    picture(browser, "rules")
    shows(
        browser,
        f"{pages}/data_quality.html",
        f"Run {dev.runs()[0]['runId']}, which published a new version",
        "Run by run",
    )
    assert browser.find_elements("css selector", "svg.trend")
    picture(browser, "data_quality")
    url = f"{pages}/models.html#!/model/model.performance_warehouse.enps"
    shows(browser, url, "Employee net promoter score, protected.")
