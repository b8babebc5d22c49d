"""Trained models as a service over HTTP: bounded in bytes, pixels, queue and time, and sure of who asks.

`gate` lets requests in or refuses them with a reason, `pictures` reads what they bring, `batches` puts pictures of
several requests together, `served` answers them, `board` counts, `app` is the routes, `run` the processes.
"""

from typing import TYPE_CHECKING

from hubel.base.rooms import later

if TYPE_CHECKING:
    from hubel.serve.app import application
    from hubel.serve.run import serve
    from hubel.serve.settings import Access, Limits, Settings

__all__ = ["Access", "Limits", "Settings", "application", "serve"]

# the studio has its gate from here, and needs no models
_HOMES = {
    "hubel.serve.app": ("application",),
    "hubel.serve.run": ("serve",),
    "hubel.serve.settings": ("Access", "Limits", "Settings"),
}

__getattr__ = later(__name__, _HOMES)
