"""Bases of benchmarks that read a data set's own lists, and the file formats that they share."""
