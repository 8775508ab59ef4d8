"""The kinds of rules. Each knows two things: when a row fails (SQL) and its Great Expectations form.

A critical row rule sends failing rows to quarantine; a warning is only reported. A critical set rule blocks
publishing. The names are an interface: the history of checks hangs on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A statement about delivered rows; `reason` says to a person why it is asked."""

    name: str
    reason: str
    severity: Severity = "critical"

    @property
    def column(self) -> str | None:
        """The column that quarantine names for the rule."""
        return None

    @property
    def judges_rows(self) -> bool:
        """Whether single rows fail the rule, rather than the delivery as a whole."""
        return True

    def failing(self) -> str:
        """SQL over the entity's columns: true for a row that fails."""
        raise NotImplementedError  # each kind of rule says it

    def expectation(self) -> Expectation:
        """The rule as Great Expectations judges it."""
        from great_expectations import expectations as gxe

        query = f"select * from (select *, {self.failing()} as _fails from {{batch}}) as judged where _fails"
        return gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **self._common())

    def _common(self) -> dict[str, object]:
        return {"notes": self.reason, "meta": {"rule": self.name}, "severity": self.severity}


@dataclass(frozen=True, kw_only=True)
class NotNull(Rule):
    """A column that must be given."""

    of: str

    @property
    def column(self) -> str:
        return self.of

    def failing(self) -> str:
        return f"({self.of} is null)"

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.ExpectColumnValuesToNotBeNull(column=self.of, **self._common())


@dataclass(frozen=True, kw_only=True)
class Null(Rule):
    """For the columns in which conforming notes what it could not read."""

    of: str

    @property
    def column(self) -> None:
        return None

    def failing(self) -> str:
        return f"({self.of} is not null)"

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.ExpectColumnValuesToBeNull(column=self.of, **self._common())


@dataclass(frozen=True, kw_only=True)
class Between(Rule):
    """Numbers; both ends are allowed values. Null is no fault."""

    of: str
    low: float | None = None
    high: float | None = None

    @property
    def column(self) -> str:
        return self.of

    def failing(self) -> str:
        low = f"{self.of} < {self.low}" if self.low is not None else "false"
        high = f"{self.of} > {self.high}" if self.high is not None else "false"
        return f"coalesce({low} or {high}, false)"

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.ExpectColumnValuesToBeBetween(
            column=self.of, min_value=self.low, max_value=self.high, **self._common()
        )


@dataclass(frozen=True, kw_only=True)
class InSet(Rule):
    """Texts. Null is no fault."""

    of: str
    values: tuple[str, ...]

    @property
    def column(self) -> str:
        return self.of

    def failing(self) -> str:
        values = ", ".join(f"'{value}'" for value in self.values)
        return f"coalesce({self.of} not in ({values}), false)"

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.ExpectColumnValuesToBeInSet(column=self.of, value_set=list(self.values), **self._common())


@dataclass(frozen=True, kw_only=True)
class NotBefore(Rule):
    """`later` is `earlier` or after it. Null on either side is no fault."""

    later: str
    earlier: str

    @property
    def column(self) -> str:
        return self.later

    def failing(self) -> str:
        return f"coalesce({self.later} < {self.earlier}, false)"

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=self.later,
            column_B=self.earlier,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            **self._common(),
        )


@dataclass(frozen=True, kw_only=True)
class Satisfies(Rule):
    """Anything else that can be said of one row; null counts as satisfied."""

    condition: str
    of: str | None = None

    @property
    def column(self) -> str | None:
        return self.of

    def failing(self) -> str:
        return f"(not coalesce({self.condition}, true))"


@dataclass(frozen=True, kw_only=True)
class Unique(Rule):
    """No two rows of one file agree in all of `of`; null is a value like any other."""

    of: tuple[str, ...]
    where: str = "true"

    @property
    def column(self) -> str:
        return self.of[0]

    def failing(self) -> str:
        keys = ", ".join(("_load", *self.of))
        return f"({self.where} and count(*) over (partition by {keys}, {self.where}) > 1)"


@dataclass(frozen=True, kw_only=True)
class NoRows(Rule):
    """A statement about the delivery as a whole: the query (over {batch}) returns a row for each violation."""

    query: str

    @property
    def judges_rows(self) -> bool:
        return False

    def failing(self) -> str:
        raise TypeError(f"{self.name} judges a delivery, not rows")

    def expectation(self) -> Expectation:
        from great_expectations import expectations as gxe

        return gxe.UnexpectedRowsExpectation(unexpected_rows_query=self.query, **self._common())
