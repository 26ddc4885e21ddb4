"""What we expose: the table of families, and the pages rendered from it."""
