"""The manager's page: figures of a team beside those of the company, all of them defined elsewhere."""

from __future__ import annotations

from typing import Any

from tests.oracle import goals, morale, retention
from tests.oracle.goals import period_of
from tests.oracle.history import History
from tests.oracle.marts import Mart, ratio


def manager_scorecard(h: History) -> Mart:
    walk = retention.walk(h)
    kept, aims = retention.retention(h), goals.goal_attainment(h)
    mood, score = morale.morale(h), morale.enps(h)
    met, thanks = morale.one_on_one(h), morale.recognition(h)
    launched = morale.surveys_of(h).launched
    periods = goals.goals_of(h).periods

    def newest(found: set[Any], month: Any) -> Any:
        there = [survey for survey in found if launched[survey] <= h.closes(month)]
        return max(there, key=lambda survey: (launched[survey], survey), default=None)

    def team(month: Any, dimension: str, value: str) -> dict[str, Any]:
        place = h.months.index(month)
        window = h.months[max(place - 11, 0) : place + 1]
        cells = [walk[m, dimension, value] for m in window if (m, dimension, value) in walk]
        exits = sum(cell[f"exits_{name}"] for cell in cells for name in retention.CLASSES)
        average = sum(cell["average_headcount"] for cell in cells) / len(window)
        ended = [p for p in periods if period_of(p)[1] <= h.closes(month)]
        period = min(ended, key=lambda p: (-period_of(p)[1].toordinal(), -period_of(p)[0].toordinal(), p), default=None)
        goal = aims.get((period, dimension, value), {})
        survey, vote = newest({key[0] for key in mood}, month), newest({key[0] for key in score}, month)
        closes = h.closes(month)
        people = [s for s in h.stints if s.at_close(closes) and value in s.slices(dimension, closes)]
        needed = sum(morale.open_trainings(h, s.person, closes) for s in people)
        return {
            "span": len(people),
            "turnover_rolling_12m": ratio(exits, average),
            "retention_rate_12m": kept.get((month, dimension, value), {}).get("retention_rate_12m"),
            "goal_attainment": goal.get("attainment_capped"),
            "aligned_goal_share": goal.get("aligned_goal_share"),
            "mean_score_100": mood.get((survey, dimension, value, "all"), {}).get("mean_score_100"),
            "enps": score.get((vote, dimension, value), {}).get("enps"),
            "held_rate": met.get((month, dimension, value), {}).get("held_rate"),
            "recognition_reach": thanks.get((month, dimension, value), {}).get("reach"),
            "open_trainings_per_person": ratio(needed, len(people)) if h.rows.get("trainings") else None,
        }

    mart: Mart = {}
    for month, dimension, value in walk:
        if dimension == "manager" and value != "unknown":
            mine, whole = team(month, dimension, value), team(month, "company", "all")
            row: dict[str, Any] = {"span": mine.pop("span")}
            for name, figure in mine.items():
                row |= {name: figure, f"{name}_company": whole[name]}
            mart[month, value] = row
    return mart
