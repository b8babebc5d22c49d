"""What a service is told before it starts, as plain data that can be sent to its processes."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.errors import MissingFileError, SettingError
from hubel.base.names import listing, near_path

if TYPE_CHECKING:
    from hubel.serve.board import Rows

LEAST_TOKEN = 16  # letters: shorter ones are guessed
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Limits:
    """How much is taken, before anything is spent on it.

    batch: pictures that are answered at once, at most. wait: seconds that one waits for others, at most.
    queue: pictures that wait, of one model. deadline: seconds from a request's arrival to its answer.
    content: bytes of a request. pixels: of a picture. pictures: of a request. patience: seconds in which a request has
    to come in. connections: that are open.
    """

    batch: int = 16
    wait: float = 0.002
    queue: int = 128
    deadline: float = 5.0
    content: int = 16_000_000
    pixels: int = 25_000_000
    pictures: int = 64
    patience: float = 20.0
    connections: int = 4096

    def __post_init__(self) -> None:
        for name in ("batch", "queue", "content", "pixels", "pictures", "connections"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name}: expected a whole number above 0, received {getattr(self, name)}")
        if not (self.wait >= 0 and self.deadline > 0 and self.patience > 0):
            raise SettingError(f"expected a wait of 0 or more, a deadline and patience above 0, received {self}")


@dataclass(frozen=True)
class Access:
    """Who may ask.

    token: what requests have to bear; None where nothing is asked for. hosts: names by which the service may be
    called, besides addresses in figures, this machine's own name and localhost: a name of somebody else's may be
    made to point here (DNS rebinding). origins: pages elsewhere that may ask, such as https://example.com.
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is not None and not (len(self.token) >= LEAST_TOKEN and self.token.isascii()):
            raise SettingError(
                f"token: expected at least {LEAST_TOKEN} letters and figures, which cannot be guessed, received "
                f"{len(self.token)}; --token alone makes one"
            )
        for host in self.hosts:
            if not (re.fullmatch(r"[A-Za-z0-9._-]+", host) or _is_address(host.strip("[]"))):
                raise SettingError(
                    f"host name: expected a name such as example.com, without scheme and port, received {host!r}; "
                    "there is none that stands for all"
                )
        for origin in self.origins:
            if not re.fullmatch(r"https?://[^/*\s]+", origin):
                raise SettingError(
                    f"origin: expected an address such as https://example.com, received {origin!r}; there is none that "
                    "stands for all"
                )

    def knows(self, host: str) -> bool:
        """Whether this machine may be called so, without the port."""
        name = host.strip("[]").rstrip(".").lower()
        own = socket.gethostname().lower()
        if name in ("localhost", own, f"{own}.local", *(each.lower() for each in self.hosts)):
            return True
        return _is_address(name)


def _is_address(name: str) -> bool:
    """Whether it is an address in figures."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Settings:
    """models: their files, by name. engine: what computes, by name; "auto" chooses. precision: in which numbers. board:
    the file in which several processes count. threads: processors that one process uses. device: where models compute.
    quiet: only what goes wrong is logged.
    """

    models: tuple[tuple[str, str], ...]
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    engine: str = "auto"
    precision: str = "float32"
    board: Rows | None = None
    threads: int = 1
    device: str = "cpu"
    quiet: bool = False


def named_models(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The models that words mean: a run's folder or a file, called as it is, or NAME=PATH. Raises SettingError where
    two are called alike, MissingFileError where there is none.
    """
    found: dict[str, str] = {}
    for word in given:
        name, separator, place = word.partition("=")
        if not separator or Path(word).exists():
            name, place = "", word
        path = Path(place)
        if not path.exists():
            raise MissingFileError(
                f"{place}: expected a run's directory or a model file, found nothing there{near_path(place)}"
            )
        name = name or _OTHER.sub("-", path.resolve().name if path.is_dir() else _stem(path)).strip("-._")
        if not _NAME.fullmatch(name):
            raise SettingError(
                f"{word}: expected a name of letters, figures, '.', '_' and '-' that begins with one of the first two, "
                f"received {name!r}; write NAME={place}"
            )
        if name in found:
            raise SettingError(f"{found[name]} and {place} are both called {name!r}; write {name}-2={place}")
        found[name] = str(path.resolve())
    if not found:
        raise SettingError(f"expected models to serve, received {listing(given) or 'none'}")
    return tuple(found.items())


def _stem(path: Path) -> str:
    return path.resolve().parent.name if path.name == "model.safetensors" else path.stem
