"""The performance warehouse: exports of HR systems in, trusted marts out.

The work itself is plain functions in the modules of this package; none of them imports Dagster.
`defs/` wraps them as assets, `cli.py` as commands. Data takes this way through the rooms:

landing → reading (raw) → conforming (typed, judged rows) → building (one database) → dbt → publishing
"""
