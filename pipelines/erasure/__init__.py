"""Erasure: people, and rows that have become too old, leave the landing zone, and all that was made of it.

tombstones   who has been erased, so that later deliveries do not bring them back
records      which records of a file are theirs, and which only mention them
rewriting    a file without these records
cleaning     the landing zone without them, file by file
erasing      `perfwh erase`: all of it, and the certificate
"""
