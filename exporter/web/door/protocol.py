"""What we take of uvicorn: its protocol over h11, and what that wants, without its command line."""

import sys
from types import ModuleType

# uvicorn loads its command line with itself, and click with that: a twentieth of a start, for what no server has a use.
if "uvicorn" not in sys.modules:
    _unwanted = sys.modules["uvicorn.main"] = ModuleType("uvicorn.main")
    vars(_unwanted)["__getattr__"] = lambda _: None
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

if "__file__" not in vars(sys.modules["uvicorn.main"]):
    del sys.modules["uvicorn.main"]

__all__ = ["Config", "H11Protocol", "ServerState"]
