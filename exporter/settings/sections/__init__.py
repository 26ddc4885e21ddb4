"""What may be set: a model for each group of settings, and the parsers of what may be written."""
