"""Commands about accounts and their configuration."""
