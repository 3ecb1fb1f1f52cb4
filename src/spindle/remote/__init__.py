"""A web service of SPINDLE, used from a program: `Client(address, token)` uploads, scores and downloads.

Needs neither torch nor the libraries of the service.
"""

from spindle.remote.client import Client
from spindle.remote.connection import Json

__all__ = ["Client", "Json"]
