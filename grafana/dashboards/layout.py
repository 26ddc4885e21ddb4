"""Where panels stand: sections of shelves, filled from the left.

Ids are given by hand: links to panels outlast a panel that is put in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import Drawn


@dataclass(frozen=True, slots=True)
class Tile:
    """A panel with its id and its width, of 24 columns."""

    id: int
    width: int
    panel: Drawn


@dataclass(frozen=True, slots=True)
class Shelf:
    """Tiles of one height, side by side."""

    height: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row of the dashboard with its shelves."""

    id: int
    title: str
    shelves: tuple[Shelf, ...]


def place(dashboard: builders.Dashboard, sections: tuple[Section, ...]) -> builders.Dashboard:
    """Put the sections into the dashboard, one below the other."""
    top = 0
    for section in sections:
        position = models.GridPos(h=1, w=24, x=0, y=top)
        dashboard.with_row(builders.Row(section.title).id(section.id).grid_pos(position))
        top += 1
        for shelf in section.shelves:
            for panel in _placed(shelf, top):
                dashboard.with_panel(panel)
            top += shelf.height
    return dashboard


def _placed(shelf: Shelf, top: int) -> Iterator[Builder[models.Panel]]:
    left = 0
    for tile in shelf.tiles:
        yield tile.panel.id(tile.id).grid_pos(models.GridPos(h=shelf.height, w=tile.width, x=left, y=top))
        left += tile.width
