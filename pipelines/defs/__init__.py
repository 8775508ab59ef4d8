"""Dagster's view of the work: assets, checks, jobs and schedules. Thin shells; the work is in `pipelines`."""
