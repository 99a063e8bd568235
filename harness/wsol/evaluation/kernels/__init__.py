"""Compiled kernels of the box accuracies."""
