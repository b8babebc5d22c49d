"""Sockets that listen, for services of any kind."""

from __future__ import annotations

import socket

from hubel.base.errors import SettingError


def bound_socket(address: str, port: int) -> socket.socket:
    """A socket that listens. Raises SettingError where it cannot."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # named TCP, connections send at once; else asyncio lets them wait for 40 ms between an answer's head and its body
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address, port))
        found.listen(2048)
    except (OSError, UnicodeError) as error:
        found.close()
        why = getattr(error, "strerror", None) or error
        raise SettingError(f"{address}:{port} cannot be listened at ({why}); name another with --port") from None
    found.set_inheritable(True)
    return found
