"""Asking an address for a file, over http and https alone; no redirection leads to where it is less safe."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.parse import urlsplit


@contextlib.contextmanager
def opened(url: str, timeout: float, *, secure: bool) -> Iterator[HTTPResponse]:
    """Yield the answer of an address. `timeout`, in seconds, is for each wait. Where it is to be `secure`, http is only
    for one's own network. Raises OSError where there is no answer, or not from where it should be.
    """
    from_own_network = is_private(url)
    if secure and urlsplit(url).scheme != "https" and not from_own_network:
        raise OSError("expected https:// or a whole checksum, since what comes over http:// can be changed on the way")
    request = urllib.request.Request(url, headers={"User-Agent": "hubel"})
    opener = urllib.request.build_opener(_Redirection(from_own_network))
    try:
        with opener.open(request, timeout=timeout) as answer:
            yield answer
    except HTTPException as error:
        raise OSError(f"its answer cannot be read: {error!r}") from None


def reason(error: OSError) -> str:
    """Say in a few words why an address could not be had."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"{error.code} {error.reason}"
    return str(getattr(error, "reason", None) or error)


def is_private(url: str) -> bool:
    """Whether an address lies in one's own network or machine; False where its name cannot be looked up here."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_global for each in found)


class _Redirection(urllib.request.HTTPRedirectHandler):
    """Follows where an address leads, as long as that is as safe as where it began."""

    def __init__(self, from_own_network: bool) -> None:
        self.from_own_network = from_own_network

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("https", req.type):
            raise OSError(f"it leads to {newurl}, where https:// was expected")
        if not self.from_own_network and is_private(newurl):
            raise OSError(f"it leads to {newurl} in your own network, where nothing outside it must lead")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
