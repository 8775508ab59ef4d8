"""Erasure: people, and rows that have become too old, leave the landing zone, and all that was made of it.

identity     what names a person, in texts and in the names of files
tombstones   who has been erased, so that later deliveries do not bring them back
records      which records of a file are theirs, and which only mention them
rewriting    a file without these records
cleaning     the landing zone without them, file by file
stores       logs, records of runs, alerts, pages and certificates without them
dagster_history  Dagster's runs, events, partitions and cursors without them
erasing      `perfwh erase`: all of it, and the certificate
"""
