"""Ask the exporter of this container whether it is well, for the image's HEALTHCHECK; the exit status is the answer."""

import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

_TIMEOUT_SECONDS = 3


def is_healthy() -> bool:
    """Whether the exporter answers at the first address that its variable names, by default at port 10042."""
    host, _, port = (os.environ.get("ZOHO_WEB__LISTEN_ADDRESS") or ":10042").partition(",")[0].rpartition(":")
    # http.client, because urllib would ask the proxy that HTTP_PROXY names.
    connection = HTTPConnection(host.strip("[]") or "127.0.0.1", int(port), timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/-/healthy")
        # Where TLS is spoken it says so: one that hangs would not, and one that has ended could not.
        return connection.getresponse().status in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}
    except (OSError, HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(not is_healthy())
