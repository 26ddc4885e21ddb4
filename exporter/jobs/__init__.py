"""The jobs we watch: the table of them, when each is due, and the polls that keep it fresh."""
