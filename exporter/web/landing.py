"""The page at `/`: what this is and where the metrics are."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Zoho CRM mass-update exporter</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>Zoho CRM mass-update exporter</h1>
<p>Version {version}. Point Prometheus at the metrics below; nothing is asked of Zoho between scrapes.</p>
<ul>
<li><a href="{telemetry_path}">Metrics</a></li>
<li><a href="/-/healthy">Health</a></li>
</ul>
</html>
"""


def landing_page(version: str, telemetry_path: str) -> str:
    """Give the page as HTML."""
    return _PAGE.format(version=escape(version), telemetry_path=escape(telemetry_path))
