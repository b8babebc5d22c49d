"""`hubel serve`: trained models as a service."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from argparse import ArgumentParser, Namespace
from functools import partial

from hubel.base.errors import SettingError
from hubel.cli._numbers import real, whole
from hubel.cli._output import say, tell
from hubel.cli._trained import add_engine, computing_device

DESCRIPTION = """Serve trained models over HTTP, with a page that classifies a dropped picture, the camera or a drawing.

Only this machine reaches it, unless --address says another; then requests have to bear a --token, or --open says in
words that anybody may ask. Too large, too many or too slow requests are refused with a reason; a changed model file is
opened anew; Ctrl+C or SIGTERM answers what was taken and ends."""
EXAMPLES = """  hubel serve runs/lenet5-mnist
  hubel serve runs/animals digits=runs/lenet5-mnist --port 9000
  hubel serve runs/animals --address 0.0.0.0 --token
  curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' localhost:8000/v1/models/animals/predict"""

_MOST = 10**9
TOKEN = "HUBEL_TOKEN"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="RUN",
        help="a run's directory, a model file, or an exported .onnx or package; NAME=RUN calls it otherwise",
    )
    _add_access(parser)
    _add_limits(parser)
    parser.add_argument("--workers", type=whole(1, 256), default=1, metavar="N", help="processes (default 1)")
    add_engine(parser)
    parser.add_argument("--quiet", action="store_true", help="log only what goes wrong (default: each request)")


def _add_access(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("of who may ask")
    group.add_argument("--address", default="127.0.0.1", help="where to listen (default 127.0.0.1; all: 0.0.0.0)")
    group.add_argument("--port", type=whole(0, 65535), default=8000, help="default 8000; 0 takes a free one")
    group.add_argument(
        "--token",
        nargs="?",
        const="",
        metavar="TOKEN",
        help=f"requests have to bear it; without TOKEN, that of the environment variable {TOKEN}, or else a new one",
    )
    group.add_argument("--open", action="store_true", help="anybody who reaches the address may ask")
    group.add_argument(
        "--host-name", action="append", default=[], metavar="NAME", help="a name by which the service may be called"
    )
    group.add_argument(
        "--origin", action="append", default=[], metavar="ADDRESS", help="a page elsewhere that may ask: https://…"
    )
    group.add_argument("--certificate", metavar="FILE", help="for https: the certificate (PEM)")
    group.add_argument("--key", metavar="FILE", help="for https: its key (PEM)")


def _add_limits(parser: ArgumentParser) -> None:
    from hubel.serve.settings import Limits

    group = parser.add_argument_group("of how much")
    usual = Limits()
    add = partial(group.add_argument, metavar="N")
    add(
        "--batch-size",
        "--batch",
        dest="batch",
        type=whole(1, 4096),
        default=usual.batch,
        help="largest batch: pictures answered at once (16)",
    )
    add("--wait", type=real(0, 10_000), default=1000 * usual.wait, help="longest wait for others, in ms (2)")
    add("--queue", type=whole(1, 10**6), default=usual.queue, help="pictures that may wait, of each model (128)")
    add("--deadline", type=real(0.001, 3600), default=usual.deadline, help="seconds until a request is answered (5)")
    add("--bytes", type=whole(1, _MOST), default=usual.content, help="of a request (16000000)")
    add("--pixels", type=whole(1, _MOST), default=usual.pixels, help="of a picture (25000000)")
    add("--pictures", type=whole(1, 10**4), default=usual.pictures, help="of a request (64)")
    add("--patience", type=real(0.1, 3600), default=usual.patience, help="seconds in which a request comes in (20)")


def run(arguments: Namespace) -> int:
    """Serve until a signal."""
    from hubel.serve.settings import Access, Limits, Settings, named_models

    token = _token(arguments)
    _check_address(arguments, token)
    limits = Limits(
        arguments.batch,
        arguments.wait / 1000,
        arguments.queue,
        arguments.deadline,
        arguments.bytes,
        arguments.pixels,
        arguments.pictures,
        arguments.patience,
    )
    settings = Settings(
        named_models(arguments.models),
        limits,
        Access(token, (arguments.address, *arguments.host_name), tuple(arguments.origin)),
        engine=arguments.engine,
        precision=arguments.precision,
        device=computing_device(arguments.device),
        quiet=arguments.quiet,
    )
    from hubel.serve.run import serve

    serve(
        settings,
        address=arguments.address,
        port=arguments.port,
        workers=arguments.workers,
        certificate=arguments.certificate,
        key=arguments.key,
        listening=lambda socket: _say(arguments, settings, socket),
    )
    return 0


def _token(arguments: Namespace) -> str | None:
    if arguments.token is None:
        return None
    return arguments.token or os.environ.get(TOKEN) or secrets.token_urlsafe(18)


def _check_address(arguments: Namespace, token: str | None) -> None:
    """Raise SettingError where others would reach the service and nothing says that they may."""
    if token is not None and arguments.open:
        raise SettingError("--token asks for a token and --open for none; leave one of them out")
    if not (_is_loopback(arguments.address) or token is not None or arguments.open):
        raise SettingError(
            f"--address {arguments.address} is reached from other machines: add --token, which requests then have to "
            "bear, or --open, where anybody may ask"
        )
    if bool(arguments.certificate) != bool(arguments.key):
        raise SettingError("https takes both --certificate and --key")


def _is_loopback(address: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _say(arguments: Namespace, settings: object, bound: socket.socket) -> None:
    from hubel.serve.settings import Settings

    assert isinstance(settings, Settings)
    port = bound.getsockname()[1]
    scheme = "https" if arguments.certificate else "http"
    token = settings.access.token
    hosts = _hosts(arguments.address)
    names = ", ".join(name for name, _ in settings.models)
    say(f"serving {names} at {scheme}://{hosts[0]}:{port}/ (Ctrl+C ends it)")
    end = f"/#{token}" if token else "/"  # what stands behind # is not sent, nor logged
    for host in hosts if token else hosts[1:]:
        say(f"the page: {scheme}://{host}:{port}{end}")
    if token and not arguments.token:
        say(f"requests bear the header: Authorization: Bearer {token}")
    sys.stdout.flush()
    if arguments.open and not _is_loopback(arguments.address):
        tell("anybody who reaches this address may ask (--open)")
    if token and not arguments.certificate and not _is_loopback(arguments.address):
        tell("without --certificate and --key, pictures and the token cross the network as they are")


def _hosts(address: str) -> list[str]:
    """Where the service is reached: of all addresses this machine's own, by which others reach it."""
    if address not in ("0.0.0.0", "::"):
        return [f"[{address}]" if ":" in address else address]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which way it would go
            return ["127.0.0.1", str(probe.getsockname()[0])]
        except OSError:
            return ["127.0.0.1"]
