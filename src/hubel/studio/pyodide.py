"""Pyodide, Python as WebAssembly: found where npm put it, or fetched once by npm into hubel's cache; never anything
else than the files whose digests stand here.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.base.files import cache_folder, locked, made_folder, sha256_of, write_atomically

VERSION = "0.29.5"
FILES = {
    "pyodide.mjs": "510ca14305230018f50c40fb81be673afd68080e70ce7733fcce6600dd6a1714",
    "pyodide.asm.js": "356c42f69e1695397e9d8670bd3c2e678248cde76e18bdae1731e848537b47d7",
    "pyodide.asm.wasm": "54309a5a2cfd757b1f0fdbc9093c92503f7b341500110329d932487183912718",
    "python_stdlib.zip": "831fd1e535084b972f87c6a35275de3d236efd5166f5e77ce89497710635e73c",
    "pyodide-lock.json": "14d2c2dba101277999e17135e653d8f15389ad1437f53eae213bf0c3cdff723d",
}
_MOST = 32 * 2**20  # bytes of one of them
_REMEDY = f"npm install pyodide@{VERSION}, in this folder, and again"


def pyodide_folder(tell: Callable[[str], None] = lambda words: None) -> Path:
    """Where Pyodide's files lie: in `node_modules` here or above, in hubel's cache, or fetched there now by npm.

    Raises SettingError where it is nowhere and cannot be fetched, or is not what it should be.
    """
    here = Path.cwd()
    for folder in (each / "node_modules" / "pyodide" for each in (here, *here.parents)):
        if (folder / "pyodide.mjs").is_file():
            if not is_whole(folder):
                raise SettingError(f"{folder} holds another Pyodide than {VERSION}; {_REMEDY}")
            return folder
    kept = cache_folder("pyodide", VERSION)
    with locked(made_folder(kept) / "lock"):
        if not is_whole(kept):
            tell(f"fetching Pyodide {VERSION} by npm, once (6 MB)")
            _fetch(kept)
    return kept


def is_whole(folder: Path) -> bool:
    """Whether all files are there and as they should be."""
    return all((folder / name).is_file() and sha256_of(folder / name) == digest for name, digest in FILES.items())


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SettingError(
            f"hubel's analysis runs in pages by Pyodide, which npm fetches, and there is no npm; {_REMEDY}"
        )
    with tempfile.TemporaryDirectory(prefix="hubel-pyodide-") as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", f"pyodide@{VERSION}"], cwd=folder, capture_output=True, text=True, check=False
        )
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or len(archives) != 1:
            said = (packed.stderr.strip() or packed.stdout.strip()).splitlines()[-1:]
            raise SettingError(f"npm could not fetch Pyodide {VERSION} ({' '.join(said)[:200]}); {_REMEDY}")
        with tarfile.open(archives[0]) as archive:
            for name in FILES:
                member = archive.extractfile(f"package/{name}")
                assert member is not None
                write_atomically(kept / name, member.read(_MOST))
    if not is_whole(kept):
        raise SettingError(f"what npm fetched is not Pyodide {VERSION} as it was published; {_REMEDY}")
