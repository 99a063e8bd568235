"""Importing data sets with annotations in common formats into a folder for each class."""
