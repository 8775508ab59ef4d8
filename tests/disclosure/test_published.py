"""The attacker's sums are those of the marts: with the truth put in, each gives the figure that is shown."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.disclosure import histories, published
from tests.disclosure.attacker import first_leak

pytestmark = pytest.mark.xdist_group("oracle")


@pytest.fixture(scope="module")
def versions():
    """Companies of several sizes, of which nearly everything is shown."""
    models = histories.Models(histories.NoLedger(), is_open=True)
    found = []
    for seed in (1, 5, 6):
        *_, world = histories.history(seed, 3).worlds()
        found.append(models.publish(world, f"seed {seed}"))
    return found


def sums(version, kind, value_of):
    """What a figure tells → its sum over the truth."""
    gathered = published.gather([version], [kind])
    return {
        figure.told.removeprefix(f"{version.name}: "): value_of(figure.weights.items()) for figure in gathered.figures
    }


def check(version, found, *queries):
    """Each shown figure that was gathered has the sum's value; returns how many were compared."""
    compared = 0
    for query in queries:
        for told, value in version.con.execute(query.format(m=version.marts)).fetchall():
            if told in found and value is not None:
                assert found[told] == pytest.approx(value, abs=1e-6), told
                compared += 1
    return compared


def total(entries):
    """Contributions that are yes, or numbers."""
    return sum(weight * {"true": 1.0, "false": 0.0}.get(one.content, 0.0) for one, weight in entries)


def mean(entries):
    """Of people: what they sum up to by how many they are."""
    entries = list(entries)
    people = {one.person for one, _ in entries}
    return sum(weight * float(one.content) for one, weight in entries) / len(people)


def test_why_people_left(versions):
    compared = 0
    for version in versions:
        found = sums(version, "leavers", total)
        walks = [
            f"select concat_ws(' ', 'headcount_walk', month, slice_dimension || '=' || slice_value || ':', 'exits_{one}'), "
            f"exits_{one} from {{m}}.headcount_walk"
            for one in ("voluntary", "involuntary", "other", "unknown")
        ]
        compared += check(
            version,
            found,
            *walks,
            "select concat_ws(' ', 'turnover', month, slice_dimension || '=' || slice_value, definition, exit_class), "
            "separations from {m}.turnover",
            "select concat_ws(' ', 'retention_survival', slice_dimension || '=' || slice_value, exit_class, 'month', "
            "tenure_month), exits from {m}.retention_survival",
        )
    assert compared > 100


def gender(entries):
    """How many have a value; of the value that is left over, what the others leave of all people."""
    entries = list(entries)
    counted = sum(weight for one, weight in entries if one.kind.endswith(f" is {one.content}"))
    everybody = {(one.person, one.kind.split()[0], one.content): weight for one, weight in entries if weight < 0}
    return counted - sum(everybody.values())


def test_who_is_of_which_gender(versions):
    compared = 0
    for version in versions:
        found = sums(
            version,
            "demographics",
            gender,
        )
        days = "case when figure = 'average_headcount' then days else 1 end"
        compared += check(
            version,
            found,
            "select concat_ws(' ', 'headcount_walk', month, slice_dimension || '=' || slice_value || ':', figure), value * "
            f"{days} from (unpivot (select month, slice_dimension, slice_value, opening::double as opening, closing::double as "
            "closing, hires::double as hires, rehires::double as rehires, headcount_last_day::double as headcount_last_day, "
            "average_headcount, day(last_day(month)) as days, is_complete from {m}.headcount_walk) on opening, closing, hires, rehires, "
            "headcount_last_day, average_headcount into name figure value value) where figure <> 'average_headcount' or is_complete",
            "select concat_ws(' ', 'turnover', month, definition, slice_dimension || '=' || slice_value || ':', 'separations'), "
            "separations from {m}.turnover where exit_class = 'total'",
            "select concat_ws(' ', 'retention', month, slice_dimension || '=' || slice_value || ':', 'new_hires_90d'), "
            "new_hires_90d from {m}.retention",
            "select concat_ws(' ', 'retention_cohort', hire_month, months_since_hire, slice_dimension || '=' || slice_value || "
            "':', 'retained'), retained from {m}.retention_cohort",
            "select concat_ws(' ', 'retention_survival', exit_class, tenure_month, slice_dimension || '=' || slice_value || "
            "':', 'at_risk'), at_risk from {m}.retention_survival",
        )
    assert compared > 30


def test_ratings(versions):
    compared = 0
    for version in versions:
        compared += check(
            version,
            sums(version, "reviews", total),
            "select concat_ws(' ', 'rating_distribution', cycle, slice_dimension || '=' || slice_value, 'band', rating_band), "
            "reviewees from {m}.rating_distribution",
            "select concat_ws(' ', 'adverse_impact', cycle, decision, attribute || '=' || \"group\"), selected "
            "from {m}.adverse_impact where decision = 'top_rating'",
        )
        scores = sums(
            version, "reviews", lambda entries: mean(entries) if " scores" in next(iter(entries))[0].kind else 0
        )
        figures = ("self_mean", "manager_mean", "peer_mean", "report_mean", "self_manager_gap", "peer_manager_gap")
        compared += check(
            version,
            scores,
            *(
                f"select concat_ws(' ', 'rating_gap', cycle, slice_dimension || '=' || slice_value, competency || ':', '{one}'), "
                f"{one} from {{m}}.rating_gap"
                for one in figures
            ),
        )
    assert compared > 60


def test_goals_and_meetings(versions):
    compared = 0
    for version in versions:
        goals = [
            f"select concat_ws(' ', 'goal_attainment', period, slice_dimension || '=' || slice_value || ':', '{one}'), {one} "
            "from {m}.goal_attainment"
            for one in ("attainment_capped", "attainment_raw", "aligned_weight_share")
        ]
        compared += check(version, sums(version, "goals", mean), *goals)
        meetings = [
            f"select concat_ws(' ', 'one_on_one', month, slice_dimension || '=' || slice_value || ':', '{one}'), {one} "
            "from {m}.one_on_one"
            for one in ("held", "pairs_met")
        ]
        compared += check(version, sums(version, "meetings", total), *meetings)
    assert compared > 200


def test_surveys(versions):
    compared = 0
    for version in versions:
        people = sums(version, "surveys", lambda entries: len({one.person for one, _ in entries}))
        compared += check(
            version,
            people,
            "select concat_ws(' ', 'morale', survey_id, slice_dimension || '=' || slice_value, driver) || ': mean_score_100', "
            "respondents from {m}.morale",
            "select concat_ws(' ', 'morale_item', survey_id, slice_dimension || '=' || slice_value, item_id) || ': favourable', "
            "respondents from {m}.morale_item",
            "select concat_ws(' ', 'enps', survey_id, slice_dimension || '=' || slice_value) || ': promoters', respondents "
            "from {m}.enps",
        )
    assert compared > 100


def test_only_what_is_shown_is_gathered(versions):
    version = versions[-1]
    before = Counter(published.kinds_of(published.gather([version]).figures))
    version.con.execute(
        "update marts.morale set mean_score_100 = null, favourable = null, unfavourable = null, neutral = null"
    )
    version.con.execute("update marts.rating_gap set self_mean = null, self_manager_gap = null")
    after = Counter(published.kinds_of(published.gather([version]).figures))
    assert before["morale"] and not after["morale"]
    assert 0 < after["rating_gap"] < before["rating_gap"]
    assert after["headcount_walk"] == before["headcount_walk"]


def test_where_nearly_everything_is_shown_each_subject_leaks(versions):
    """Proof that the attacker can succeed, subject by subject."""
    for kind in published.GATHERERS.keys() - {"memberships"}:
        assert any(first_leak([version], 3, kinds=[kind]) for version in versions[1:]), kind


def test_one_gender_is_what_the_others_leave(versions):
    """Women of one month beside men of the next are the same people's gender: both are sums over the same unknowns."""
    version = versions[-1]
    gathered = published.gather([version], ["demographics"])
    walks = [figure for figure in gathered.figures if "headcount_walk" in figure.told and "gender=" in figure.told]
    kinds = {one.kind for figure in walks for one in figure.weights}
    values = {told.split("gender=")[1].split(":")[0] for told in (figure.told for figure in walks)}
    assert {"f", "m"} <= values
    assert "gender is f" not in kinds
    assert "gender is m" in kinds
    women = next(figure for figure in walks if "gender=f: closing" in figure.told)
    assert set(women.weights.values()) == {-1.0}
