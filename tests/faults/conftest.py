"""The lane that the short forms share, and how long they are: `make test-faults` sets FAULTS=long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kills import Undisturbed, undisturbed
from tests.faults.world import Lane, make_states

IS_LONG = os.environ.get("FAULTS") == "long"
long_only = pytest.mark.skipif(not IS_LONG, reason="takes minutes: make test-faults")


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_states(tmp_path_factory.mktemp("states"))


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory, states: dict[str, Path]) -> Iterator[Lane]:
    lane = Lane(tmp_path_factory.mktemp("lane"), states)
    yield lane
    lane.close()


@pytest.fixture(scope="session")
def calm(lane: Lane) -> Undisturbed:
    return undisturbed(lane)
