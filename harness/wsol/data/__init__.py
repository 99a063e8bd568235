"""Splits, the image cache and readers: what a stage may see."""
