"""`hubel studio`: the page in which one thinks about networks, from this machine."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.cli._network import named_network
from hubel.cli._numbers import whole
from hubel.cli._output import say

DESCRIPTION = """Open the studio: type a network, and drawing, figures, formulas and advice follow at each keystroke;
train it, and follow its curves; look inside runs.

Only this machine reaches it, by the address that is printed: it has a token in it, which every launch makes anew. The
page asks nobody else for anything. Ctrl+C ends it; trainings that it began go on."""
EXAMPLES = """  hubel studio
  hubel studio resnet18                   begins with a network
  hubel studio --course exercises.md      a teacher's own exercises
  hubel studio '28x28x1: conv 6 5x5 tanh, flatten, dense 10' --browser"""
TOKEN = "HUBEL_TOKEN"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("network", nargs="?", metavar="NET", help="what it begins with: whatever hubel explain takes")
    parser.add_argument("--port", type=whole(0, 65535), default=8700, help="default 8700; 0 takes a free one")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs lie (default: runs)")
    parser.add_argument(
        "--course", type=Path, metavar="FILE.md", help="a teacher's exercises in Markdown, in place of hubel's own"
    )
    parser.add_argument("--browser", action="store_true", help="open it in the system's browser")


def run(arguments: Namespace) -> int:
    """Serve until a signal."""
    if find_spec("uvicorn") is None:
        raise SettingError("the studio needs a web server: pip install 'hubel[serve]' (hubel site writes one without)")
    text = "" if arguments.network is None else str(named_network(arguments.network))
    token = os.environ.get(TOKEN) or secrets.token_urlsafe(18)
    from hubel.serve.settings import LEAST_TOKEN
    from hubel.studio.course import course_of
    from hubel.studio.server import HERE, serve_studio

    if len(token) < LEAST_TOKEN or not token.isascii():
        raise SettingError(
            f"{TOKEN}: expected at least {LEAST_TOKEN} letters and figures, which cannot be guessed, received "
            f"{len(token)}; take it out of the environment, and each launch makes one"
        )
    course = course_of(arguments.course) if arguments.course else None

    def listening(bound: socket.socket) -> None:
        from urllib.parse import quote

        beginning = f"&net={quote(text, safe=':,()|*')}" if text else ""
        address = f"http://{HERE}:{bound.getsockname()[1]}/#token={token}{beginning}"
        say(f"the studio: {address} (Ctrl+C ends it)")
        if course:
            many = len(course["exercises"])
            say(f"with {many} exercise{'' if many == 1 else 's'} of {arguments.course}")
        sys.stdout.flush()
        if arguments.browser:
            import webbrowser

            webbrowser.open(address)

    serve_studio(token, arguments.port, arguments.runs, listening, course)
    return 0
