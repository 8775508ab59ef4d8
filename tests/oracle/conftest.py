"""How many random companies: 20 among all tests, 200 in `make test-oracle` (`--hypothesis-profile long`)."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

_SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("short", max_examples=20, derandomize=True, **_SLOW)
settings.register_profile("long", max_examples=200, print_blob=True, **_SLOW)
# Without shrinking, for those who only want to know whether.
settings.register_profile("quick", max_examples=20, derandomize=True, phases=[Phase.generate], **_SLOW)
