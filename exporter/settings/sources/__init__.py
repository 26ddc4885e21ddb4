"""Where settings are written: a file, variables and flags, each read into values with their places."""
