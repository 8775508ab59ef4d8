"""Alerts reach a real web hook and a real mail server, say what to do, and give no secret away."""

from __future__ import annotations

import json
import socket
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller

from expectations.runner import CheckResult
from pipelines import alerting, punctuality
from pipelines.errors import UserError
from pipelines.loads import Load
from pipelines.profiles import load_profiles
from pipelines.settings import Due, load_settings

BLOCKED = [
    CheckResult("validated/goals", "every_file_is_loaded", "critical", False, 1, 2, "goals.csv: ROW_WIDTH: 3 lines"),
    CheckResult("validated/goals", "due_on_is_a_day", "warning", False, 1, 2, "a warning keeps nothing back"),
]


@pytest.fixture
def hook():
    """A web server that keeps what is posted to it; it refuses the first of two posts."""
    posts: list[dict] = []
    refusals = [503]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = refusals.pop() if refusals else 200
            if code == 200:
                posts.append(json.loads(body))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook/s3cret-token", posts
    server.shutdown()


@pytest.fixture
def mailbox():
    """A mail server that keeps what is sent to it."""
    letters: list[str] = []

    class Handler:
        async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - the server's name for it
            letters.append(envelope.content.decode())
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"mailto://127.0.0.1:{port}?from=warehouse@example.com&to=team@example.com&mode=insecure", letters
    controller.stop()


def with_alerts(tmp_path, *urls, **more):
    (tmp_path / "warehouse").mkdir(exist_ok=True)
    return load_settings(warehouse=tmp_path / "warehouse", landing=tmp_path, alerts=urls, **more)


def test_an_alert_names_the_check_the_source_and_what_to_do_wherever_it_goes(tmp_path, hook, mailbox):
    (url, posts), (mail, letters) = hook, mailbox
    settings = with_alerts(tmp_path, url, mail)
    assert alerting.raise_alert(alerting.of_blocked(BLOCKED, settings), settings) == []
    logged = json.loads((settings.warehouse / alerting.LOG).read_text())
    # The hook was not there at first: it was tried again.
    for subject, text in ((posts[0]["title"], posts[0]["message"]), (logged["subject"], logged["text"])):
        assert subject.startswith("Blocked: 1 checks keep")
        assert "validated/goals · every_file_is_loaded: goals.csv: ROW_WIDTH: 3 lines" in text
        assert "What to do: deliver mended files under the same names and run again" in text
        assert "a warning keeps nothing back" not in text
    assert "To: team@example.com" in letters[0] and "Blocked: 1 checks keep" in letters[0].replace("\r\n ", " ")


def test_an_alert_that_cannot_be_sent_says_so_and_gives_no_secret_away(tmp_path, capfd, caplog):
    settings = with_alerts(tmp_path, "http://somebody:passw0rd@127.0.0.1:9/s3cret-token")
    faults = alerting.raise_alert(alerting.of_failed(["models: a full disk"], "1", settings), settings)
    alerting.say(faults)
    assert faults == [
        f"alerts: address 1 (http:…) could not be reached; {settings.warehouse}/alerts.jsonl has what it should have said"
    ]
    said = "".join(capfd.readouterr()) + caplog.text + (settings.warehouse / alerting.LOG).read_text()
    assert "passw0rd" not in said and "s3cret" not in said
    assert "models: a full disk" in (settings.warehouse / alerting.LOG).read_text()


def test_an_address_that_is_not_understood_is_named_by_its_place(tmp_path):
    with pytest.raises(UserError) as refused:
        alerting.check_targets(with_alerts(tmp_path, "https://example.com/x", "carrier-pigeon://s3cret"))
    assert "address 2 (carrier-pigeon:…)" in str(refused.value) and "s3cret" not in str(refused.value)


def test_addresses_are_separated_by_blanks_in_the_environment_and_masked_wherever_shown(monkeypatch):
    monkeypatch.setenv("PERFWH_ALERTS", "https://example.com/a?x=1,2  json://example.com/b")
    settings = load_settings()
    assert [one.get_secret_value() for one in settings.alerts] == [
        "https://example.com/a?x=1,2",
        "json://example.com/b",
    ]
    assert "example.com" not in str(settings.model_dump(mode="json")) + repr(settings)
    monkeypatch.setenv("PERFWH_CONFIG", "none.toml")
    with pytest.raises(UserError) as refused:
        load_settings(alerts=("https://example.com/s3cret", 5))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("every", "newest", "due"),
    [
        ("month", "2024-03-31", "2024-05-07"),
        ("month", "2024-03-01", "2024-05-07"),
        ("month", "2023-12-31", "2024-02-07"),
        ("quarter", "2024-02-29", "2024-07-07"),
        ("year", "2024-02-29", "2026-01-07"),
        ("week", "2024-03-31", "2024-04-14"),
        ("day", "2024-02-28", "2024-03-07"),
    ],
)
def test_a_source_is_due_so_many_days_after_the_period_that_follows(every, newest, due):
    assert punctuality.due_on(Due(every=every), date.fromisoformat(newest)).isoformat() == due


def loaded(newest_on, profile="generic_goals", status="loaded"):
    return Load("goals.csv", "-", "goals", profile, status, newest_on=newest_on)


def late(loads, settings, today):
    return [
        str(one) for one in punctuality.late_sources(loads, load_profiles(None), settings, date.fromisoformat(today))
    ]


def test_a_backfill_does_not_hide_a_late_source(tmp_path):
    source = next(iter(profile.profile for profile in load_profiles(None).values() if profile.entity == "goals"))
    settings = with_alerts(tmp_path, due={source: {"every": "month"}})
    delivered = [loaded("2024-03-31", source), loaded("2024-01-31", source)]
    assert late(delivered, settings, "2024-05-07") == []
    told = f"{source}: was due by 2024-05-07; its newest file speaks of 2024-03-31"
    assert late(delivered, settings, "2024-05-08") == [told]
    assert late([*delivered, loaded("2024-04-30", source, "refused")], settings, "2024-05-08") == [told]
    assert late([*delivered, loaded("2024-04-30", source)], settings, "2024-05-08") == []
    assert late([], settings, "2024-05-08") == [f"{source}: has never delivered"]
    check = punctuality.checks("validated/goals", "goals", delivered, load_profiles(None), settings)[0]
    assert (check.passed, check.severity, check.failing_rows) == (False, "warning", 1) and told in check.description


def test_a_calendar_of_a_source_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserError, match="due: no source profile is called nonsense"):
        punctuality.late_sources([], load_profiles(None), with_alerts(tmp_path, due={"nonsense": {"every": "month"}}))
    with pytest.raises(UserError, match=r"due\.x\.every"):
        load_settings(due={"x": {"every": "fortnight"}})
