"""How long to wait after a refusal, and after the next one."""

from dataclasses import dataclass

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class CoolDown:
    """A pause that begins at `shortest_seconds` and doubles with each refusal in a row up to `longest_seconds`."""

    shortest_seconds: float
    longest_seconds: float

    def seconds(self, refusals: int) -> float:
        """Give the pause after so many refusals in a row (1 or more)."""
        return min(self.longest_seconds, self.shortest_seconds * 2.0 ** min(refusals - 1, _MOST_DOUBLINGS))

    def jittered(self, refusals: int, draw: float) -> float:
        """Give a pause at the point `draw` (0 to 1) between the shortest and twice the one of `seconds`."""
        longest = min(self.longest_seconds, 2 * self.seconds(refusals))
        return self.shortest_seconds + draw * (longest - self.shortest_seconds)
