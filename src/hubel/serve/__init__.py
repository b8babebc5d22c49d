"""Trained models as a service over HTTP: bounded in bytes, pixels, queue and time, and sure of who asks.

`gate` lets requests in or refuses them with a reason, `pictures` reads what they bring, `batches` puts pictures of
several requests together, `served` answers them, `board` counts, `app` is the routes, `run` the processes.
"""

from hubel.serve.app import application
from hubel.serve.run import serve
from hubel.serve.settings import Access, Limits, Settings

__all__ = ["Access", "Limits", "Settings", "application", "serve"]
