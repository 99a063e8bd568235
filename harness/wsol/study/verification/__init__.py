"""Verification of finished studies: every check that needs no training, one module for each subject."""
