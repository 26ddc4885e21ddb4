"""The shared store: several exporters that watch the same accounts, on one PostgreSQL database, which is the truth.

Each holds a copy, brought up to date at a scrape by one statement. What is decided is decided in the database, by its
clock, each in one function call (schema/): a client that stops in the middle holds no lock. `database` is how it is
reached and for how long at most, `copy` what is held of an account, `account` what is asked for it, `store` the whole.
"""

from exporter.state.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
