"""Write grafana/*.json anew."""

from pathlib import Path

from dashboards.document import document
from dashboards.every import DASHBOARDS

FOLDER = Path(__file__).parent.parent


def main() -> None:
    """Write each dashboard into the file of its uid."""
    for make in DASHBOARDS:
        dashboard = make()
        (FOLDER / f"{dashboard.build().uid}.json").write_text(document(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
