"""The only place that wires the parts together: settings in, a serving exporter out.

Commands come in by `serving`, `inspection`, `direct` and `onboarding`, each of which loads what it wires alone.
"""
