"""What the rows of `speed.py` stand on: processes, connections, jobs, peers, and how figures are told."""
