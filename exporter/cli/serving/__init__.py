"""Commands that serve: the exporter, its demonstration, and a simulated Zoho."""
