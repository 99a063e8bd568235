"""The leaderboard: records → table, CSV, page and plots, with published numbers next to them.

All output is a function of the records (:mod:`wsol.records`): the same records, in any order, give byte-identical
files.
"""
