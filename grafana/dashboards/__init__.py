"""The Grafana dashboards, written with Grafana's typed builders; `make dashboards` turns them into grafana/*.json."""
