"""Trains the figures of the search on question sets: ``python -m tests.training SETS``."""
