"""Settings: which source wins, and what a mistake says."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from pipelines import pseudonyms, reporting
from pipelines.errors import EXIT_BLOCKED, EXIT_FAILED, UserError
from pipelines.fingerprint import fingerprint
from pipelines.settings import DBT_PROJECT, load_settings


def test_options_win_over_environment_and_that_over_the_file(tmp_path, monkeypatch):
    file = tmp_path / "perfwh.toml"
    file.write_text('minimum_group = 7\nheadcount_fall_limit = 0.5\nwarehouse = "from-file"\n')
    monkeypatch.setenv("PERFWH_CONFIG", str(file))
    monkeypatch.setenv("PERFWH_HEADCOUNT_FALL_LIMIT", "0.4")
    monkeypatch.setenv("PERFWH_WAREHOUSE", "from-environment")
    settings = load_settings(warehouse=tmp_path / "from-option")
    assert settings.minimum_group == 7
    assert settings.headcount_fall_limit == 0.4
    assert settings.warehouse == tmp_path / "from-option"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PERFWH_MINIMUM_GROUP", "none", "minimum_group"),
        ("PERFWH_MINIMUM_GROUP", "0", "greater than or equal to 2"),
        ("PERFWH_MINIMUM_GROUP", "1", "greater than or equal to 2"),
        ("PERFWH_MINIMUM_PERSPECTIVE", "1", "greater than or equal to 2"),
        ("PERFWH_MINIMUM_GROUPS", '{"pulse": 1}', "minimum_groups.pulse: .*greater than or equal to 2"),
        ("PERFWH_MINIMUM_GROUPS", '{"pulse": 4}', "pulse: 4 is smaller than minimum_group"),
        ("PERFWH_UNPACKING", '{"gigabytes": 4}', "unpacking.gigabytes"),
        ("PERFWH_OBSERVED_TO", "31.12.2024", "observed_to"),
        ("PERFWH_DIMENSIONS", '{"turnover": ["team"]}', "team is no dimension"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=says) as error:
        load_settings()
    assert error.value.exit_code == 2


def test_a_small_minimum_group_is_stated_in_every_summary(tmp_path, capsys):
    assert load_settings().cautions == []
    settings = load_settings(warehouse=tmp_path / "warehouse", landing=tmp_path, minimum_group=3)
    found = reporting.status(settings)
    assert found["cautions"] == settings.cautions
    reporting.print_status(found)
    assert "The minimum group is 3, below the recommended 5" in capsys.readouterr().out
    for code in (EXIT_FAILED, EXIT_BLOCKED):
        reporting.print_summary(settings, "0" * 8, code)
        assert "The minimum group is 3, below the recommended 5" in capsys.readouterr().out


def test_a_configuration_file_with_a_key_twice_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "perfwh.toml"
    file.write_text("minimum_group = 5\nminimum_group = 2\n")
    monkeypatch.setenv("PERFWH_CONFIG", str(file))
    with pytest.raises(UserError, match="not valid TOML"):
        load_settings()


def test_dbt_defaults_are_those_of_the_settings():
    import yaml

    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())
    # What the figures of a mart rest on is no setting.
    assert {
        name: value for name, value in project["vars"].items() if name != "disclosure"
    } == load_settings().dbt_vars()


def test_secrets_are_masked():
    assert "a key for tests" not in str(load_settings().model_dump(mode="json"))


def test_pseudonyms_depend_on_the_key_alone():
    assert pseudonyms.pseudonyms(["1", "2"], b"k") == pseudonyms.pseudonyms(["1", "2"], b"k")
    assert set(pseudonyms.pseudonyms(["1", "2"], b"k")).isdisjoint(pseudonyms.pseudonyms(["1", "2"], b"other"))


def test_another_key_has_the_next_run_publish_anew(settings):
    """Rotation: no file has changed, and yet the marts are others."""
    before = fingerprint(settings, [("a.csv", "hash")])
    assert fingerprint(settings, [("a.csv", "hash")]) == before
    other = settings.model_copy(update={"pseudonym_key": SecretStr("another key")})
    assert fingerprint(other, [("a.csv", "hash")]) != before


def test_the_key_is_made_once_and_never_within_the_warehouse(tmp_path, monkeypatch):
    monkeypatch.delenv("PERFWH_PSEUDONYM_KEY")
    settings = load_settings(warehouse=tmp_path / "w", pseudonym_key_file=tmp_path / "keys" / "key")
    key = pseudonyms.key_in_force(settings)
    assert len(key) == 64
    assert pseudonyms.key_in_force(settings) == key
    assert (tmp_path / "keys" / "key").stat().st_mode & 0o777 == 0o600
    inside = load_settings(warehouse=tmp_path / "w", pseudonym_key_file=tmp_path / "w" / "key")
    with pytest.raises(UserError, match="must not lie in the warehouse"):
        pseudonyms.key_in_force(inside)
