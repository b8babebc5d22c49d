"""What `hubel look` shows of a run, as a picture: the command itself, in a process of its own."""

from __future__ import annotations

import base64
import binascii
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.words import printable

# what can be shown, and whether it is of an image: always, never, or where there is one
LOOKS: dict[str, bool | None] = {
    "cam": True,
    "saliency": True,
    "integrated-gradients": True,
    "occlusion": True,
    "maps": True,
    "unit": True,
    "filters": False,
    "changes": None,
    "mistakes": False,
    "space": False,
    "dream": None,
}
_MADE = ("dream",)  # pictures of which no drawing is made
_SECONDS = 120
_one = threading.Lock()  # each takes a process that loads PyTorch


def looked(run: Path, look: str, layer: str, picture: str) -> dict[str, Any]:
    """A picture as `hubel look` draws it, as a data URL, and what it says besides.

    look: one of LOOKS. layer: its path; empty where hubel picks it. picture: an image file's bytes in base64; empty for
    none. Raises SettingError where there is nothing to see, with the command's own words.
    """
    if look not in LOOKS:
        raise SettingError(f"expected one of {', '.join(LOOKS)}, received {printable(look)[:40]!r}")
    if LOOKS[look] and not picture:
        raise SettingError(f"{look} is of an image: draw one, choose a sample, or give a file")
    with _one, TemporaryDirectory() as folder:
        made = Path(folder) / ("made.png" if look in _MADE else "made.svg")
        words = [f"--layer={layer}"] if layer else []
        images = []
        if picture and LOOKS[look] is not False:
            images = [f"{folder}/image"]
            Path(images[0]).write_bytes(_bytes(picture))
        command = [sys.executable, "-m", "hubel", "look", look, *words, "-o", str(made), "--", str(run), *images]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired:
            raise SettingError(f"{look} takes more than {_SECONDS} s; hubel look {look} has all the time") from None
        said = printable((done.stdout if made.is_file() else done.stderr).decode("utf-8", "replace"), keep="\n").strip()
        if not made.is_file():
            raise SettingError(said.replace(f"{folder}/", "")[-600:] or f"{look} ended without a picture")
        lines = [line for line in said.splitlines() if str(made) not in line]
        kind = "image/png" if look in _MADE else "image/svg+xml"
        return {
            "picture": f"data:{kind};base64,{base64.b64encode(made.read_bytes()).decode()}",
            "said": "\n".join(lines).replace(f"{folder}/", ""),
        }


def _bytes(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except (ValueError, binascii.Error):
        raise SettingError("picture: expected an image file in base64") from None
