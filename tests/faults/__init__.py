"""Faults put into real runs: kills, power cuts, full disks, readers throughout. `make test-faults` runs the long form."""
