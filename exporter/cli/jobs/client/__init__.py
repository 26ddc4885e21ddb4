"""Asking about jobs: who answers, what is asked of an exporter, and its answers read."""
