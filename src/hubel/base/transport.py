"""Asking an address for a file, over http and https alone; no redirection leads to where it is less safe."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.parse import urlsplit

from hubel.base.words import printable

PATIENCE = 60.0  # seconds in which an answer must have begun, however slowly its bytes come


@contextlib.contextmanager
def opened(url: str, timeout: float, *, secure: bool) -> Iterator[HTTPResponse]:
    """Yield the answer of an address. `timeout`, in seconds, is for each wait. Where it is to be `secure`, http is only
    for one's own network. Raises OSError where there is no answer, or not from where it should be.
    """
    from_own_network = is_private(url)
    if secure and urlsplit(url).scheme != "https" and not from_own_network:
        raise OSError("expected https:// or a whole checksum, since what comes over http:// can be changed on the way")
    request = urllib.request.Request(url, headers={"User-Agent": "hubel"})
    opener = urllib.request.build_opener(_Redirection(from_own_network), _Http(), _Https())
    try:
        with opener.open(request, timeout=timeout) as answer:
            yield answer
    except HTTPException as error:
        raise OSError(f"its answer cannot be read: {printable(repr(error), longest=200)}") from None


def reason(error: OSError) -> str:
    """Say in a few words why an address could not be had."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return printable(f"{error.code} {error.reason}".partition("\n")[0], longest=200)
    return printable(str(getattr(error, "reason", None) or error), longest=600)


def is_private(url: str) -> bool:
    """Whether an address lies in one's own network or machine; False where its name cannot be looked up here."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_global for each in found)


class _Begun:
    """What a connection has besides its own: an answer that does not begin in time is given up."""

    sock: Any

    def getresponse(self) -> HTTPResponse:
        """Raises OSError where status and headers have not all come by then."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(PATIENCE, give_up)
        timer.daemon = True
        timer.start()
        answer: HTTPResponse | None = None
        try:
            answer = super().getresponse()  # type: ignore[misc]
        except (OSError, HTTPException):
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if answer is None or late.is_set():
            if answer is not None:
                answer.close()
            raise OSError(f"its answer did not begin in {PATIENCE:g} seconds")
        return answer


class _Plain(_Begun, http.client.HTTPConnection):
    pass


class _Secure(_Begun, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Plain, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Secure, req)


class _Redirection(urllib.request.HTTPRedirectHandler):
    """Follows where an address leads, as long as that is as safe as where it began."""

    def __init__(self, from_own_network: bool) -> None:
        self.from_own_network = from_own_network

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        """Follow. Raises OSError where it leads to no address, or a less safe one."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError as error:
            fp.close()
            raise OSError(f"its answer cannot be read: {error}") from None
        except OSError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("https", req.type):
            raise OSError(f"it leads to {newurl}, where https:// was expected")
        if not self.from_own_network and is_private(newurl):
            raise OSError(f"it leads to {newurl} in your own network, where nothing outside it must lead")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
