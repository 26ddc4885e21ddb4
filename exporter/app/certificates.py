"""The certificates that verify Zoho, read while a start does other things."""

from functools import partial
from pathlib import Path
from ssl import SSLContext

from exporter.waits import begin
from exporter.zoho.transport import tls_context


class Certificates:
    """Gives what verifies Zoho by a bundle; that of the start is read in a thread that is begun at once.

    Whoever asks first for that bundle waits for it; from then on, for a reload, certificates are read anew.
    """

    def __init__(self, bundle: Path | None) -> None:
        self._bundle = bundle
        self._first = [begin(partial(tls_context, bundle), "the file of CA certificates")]

    def __call__(self, bundle: Path | None) -> SSLContext:
        """Give the context for a bundle.

        Raises:
            ConfigurationError: it can't be read.
        """
        if self._first and bundle == self._bundle:
            return self._first.pop()(None)
        self._first.clear()
        return tls_context(bundle)
