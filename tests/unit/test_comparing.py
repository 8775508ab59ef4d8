"""What a new version says otherwise than the one before."""

from __future__ import annotations

from pipelines.comparing import changes, noted_if_possible, told
from pipelines.marts import MARTS
from pipelines.reporting import changes_as_markdown


def noted(version, headcounts, failed=(), **rows):
    return {
        "version": version,
        "row_counts": {mart: rows.get(mart, 1) for mart in MARTS},
        "checksums": {mart: f"{mart}-{rows.get(mart, 1)}" for mart in MARTS},
        "headlines": {"headcount": headcounts, "eNPS": []},
        "failed": list(failed),
    }


def test_a_new_month_and_a_restated_one_are_told_apart():
    before = noted("v1", [["2024-02-01", 50.0], ["2024-01-01", 48.0]], failed=["a · x"], turnover=10)
    after = noted("v2", [["2024-03-01", 53.0], ["2024-02-01", 51.0]], failed=["b · y"], turnover=14)
    found = changes(before, after)
    assert found["headlines"] == {
        "headcount": {
            "period": "2024-02-01",
            "before": 50.0,
            "now": 51.0,
            "newest_period": "2024-03-01",
            "newest": 53.0,
        }
    }
    assert found["rows"] == {"turnover": [10, 14]}
    assert set(found["same"]) == set(MARTS) - {"turnover"}
    assert (found["fails_now"], found["passes_now"]) == (["b · y"], ["a · x"])
    said = changes_as_markdown(found)
    assert "| headcount | 50 (2024-02-01) | 51 * | 53 (2024-03-01) |" in said
    assert "turnover 10 → 14; the others are the same." in said


def test_a_damaged_version_is_not_compared_and_keeps_nothing_back(settings):
    folder = settings.warehouse / "versions" / "v1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"row_counts": {}, "checksums": {}}')
    (folder / "performance.duckdb").write_text("damaged")
    assert noted_if_possible(settings, "v1") is None
    assert noted_if_possible(settings, None) is None


def test_the_first_version_has_nothing_to_compare_with():
    found = changes(None, noted("v1", [["2024-02-01", 50.0]], failed=["a · x"]))
    assert (found["since"], found["fails_now"]) == (None, [])
    assert "| headcount | 50 (2024-02-01) |" in changes_as_markdown(found)


def test_equal_versions_say_so():
    one = noted("v1", [["2024-02-01", 50.0]])
    assert "All marts are the same." in changes_as_markdown(changes(one, {**one, "version": "v2"}))


def test_figures_are_told_with_three_digits_and_no_tail():
    assert [told(one) for one in (1234.0, 0.12345, -4.0, None)] == ["1,234", "0.123", "-4", ""]
