"""The rows of `speed.py`, a module for each question."""
