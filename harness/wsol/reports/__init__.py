"""Figures and comparisons made from records."""
