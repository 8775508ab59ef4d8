"""Which slices of surveys are hidden: `morale`, `morale_item` and `enps` together, one survey after the other."""

from __future__ import annotations

from collections import defaultdict

import duckdb

from pipelines.database import literal
from pipelines.protection.alike import ALL, ENPS, MARTS, Alike, groups_of
from pipelines.protection.choosing import Key, Use, decide
from pipelines.protection.earlier import Earlier
from pipelines.protection.exposure import Bools
from pipelines.protection.occasions import Hidden, Rules, hidden_rows, occasions
from pipelines.protection.released import Released


def hidden_in_surveys(
    con: duckdb.DuckDBPyConnection,
    rules: Rules,
    slices: duckdb.DuckDBPyRelation,
    answers: duckdb.DuckDBPyRelation,
    items: duckdb.DuckDBPyRelation,
    surveys: duckdb.DuckDBPyRelation,
    invited: duckdb.DuckDBPyRelation,
    before: Released,
) -> list[Hidden]:
    """The decisions on `morale`, `morale_item` and `enps`.

    Args:
        con: the connection that the relations belong to.
        rules: what the settings say.
        slices: `hist_survey_slices`.
        answers: `fct_survey_answer`.
        items: `stg_survey_items`.
        surveys: `fct_survey`.
        invited: `hist_survey_invited`.
        before: what readers have already.
    """
    counted = con.sql(
        """
        select
            a.survey_id as occasion, a.respondent_id as person_id, a.item_id as part,
            (a.favourability = 'favourable')::int as value, i.driver, i.is_enps
        from answers as a inner join items as i on a.item_id = i.item_id where a.is_counted
        """
    )
    members = con.sql(
        "select survey_id as occasion, respondent_id as person_id, slice_dimension, slice_value from slices"
    )
    could_answer = con.sql(
        "select survey_id as occasion, slice_dimension, slice_value, could_answer as people from invited"
    )
    order = con.sql("select survey_id from surveys order by launched_on, survey_id").fetchall()
    # What readers have was decided first.
    names = sorted((survey for (survey,) in order), key=lambda survey: survey not in before.settled)
    traits_of: dict[str, list[tuple[str, str | None, bool]]] = defaultdict(list)
    told_traits = con.sql("select distinct occasion, is_enps, part, driver from counted order by all").fetchall()
    for survey, is_enps, part, driver in told_traits:
        traits_of[survey].append((part, driver, is_enps))
    hidden: list[Hidden] = []
    earlier = Earlier()
    mine = rules.dimensions_of(MARTS.values())
    for occasion in occasions(con, members, counted, could_answer, mine, names):
        minimum = rules.minimum_of(occasion.name)
        survey = literal(occasion.name)
        told = con.sql(f"select respondent_id, min(employee_id) from answers where survey_id = {survey} group by all")
        employees = dict(told.fetchall())
        traits = traits_of[occasion.name]
        grouped = groups_of(traits)
        parents: dict[Key, Key] = {}
        answered: dict[Key, Bools] = {}
        for group in grouped:
            for item in group.items:
                parents["item", item] = group.row or ALL
                for key in (*group.keys, ALL, *([ENPS] if group.is_enps else [])):
                    if key[0] != "item" or key[1] == item:
                        answered[key] = answered.get(key, False) | occasion.answered[item]
            if group.row:
                parents[group.row] = ALL
        of_enps = [("item", item) for item, _, is_enps in traits if is_enps]
        groups = earlier.groups(occasion, employees, minimum)
        if occasion.name in before.settled:
            earlier.remember(groups, before.decided(occasion))
            hidden += before.settled[occasion.name]
            continue
        anyway = earlier.hidden(occasion, groups, employees, minimum)
        if (changed := before.hidden(occasion, minimum)) is not None:
            anyway |= changed
        decided = decide(
            occasion.slices,
            [[Use(key, who * 1.0, rules.dimensions[MARTS[key[0]]])] for key, who in answered.items()],
            minimum,
            parents,
            anyway,
            of_enps,
            (occasion.could_answer, occasion.silent),
        )
        earlier.remember(groups, decided)
        if decided and rules.hides_unanimity:
            Alike(occasion, decided, grouped, of_enps, rules).hide()
        # The eNPS item stands in two marts.
        for key in (key for key in of_enps if key in decided):
            decided[ENPS] = decided.get(ENPS, decided[key]) | decided[key]
        hidden += hidden_rows("survey", occasion, decided)
    return hidden
