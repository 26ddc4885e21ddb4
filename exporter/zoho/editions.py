"""What each edition of Zoho CRM grants an organisation in any 24 hours. Source: Zoho CRM v8, API Limits."""

from typing import NamedTuple


class Edition(NamedTuple):
    """An edition's API credits a day, and how many more each user brings."""

    name: str
    granted: int
    per_user: int = 0

    @property
    def fewest(self) -> int:
        """The credits of an organisation with one user."""
        return self.granted + self.per_user


EDITIONS = (
    Edition("Free", 5_000),
    Edition("Standard", 50_000, 250),
    Edition("Professional", 50_000, 500),
    Edition("Enterprise", 50_000, 1_000),
    Edition("Ultimate", 50_000, 2_000),
)
