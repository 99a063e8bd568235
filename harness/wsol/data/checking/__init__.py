"""Checks of a data set: every file is read, every image decoded, and all problems are reported at once."""
