"""The leaderboard: records → table, CSV, page and plots, and the published numbers beside them.

Everything is a function of the records that runs left (:mod:`wsol.records`): the same records, in any order,
give the same files to the byte.
"""
