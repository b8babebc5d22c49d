"""Files of more bands than red, green and blue, as the arrays they are."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from hubel.base.errors import LimitError
from hubel.base.files import read_bytes
from hubel.data.decode.image import MAX_PIXELS, ImageError
from hubel.data.decode.tiff import tiff_header, tiff_values

_OPACITY = (1, 2)  # what TIFFs call the extra band that says how much of a picture is seen


def many_bands(content: bytes) -> bool:
    """Whether this is a TIFF of more bands than a picture in colour has, or of two."""
    header = tiff_header(content)
    if header is None:
        return False
    bands, extra = header.get(277, 1), header.get(338, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    opaque = bands in (2, 4) and any(kind in _OPACITY for kind in extra)
    return bands not in (1, 3) and not opaque and header.get(262) != 5  # which is CMYK


def read_bands(source: str | os.PathLike[str] | bytes, name: str | None = None) -> npt.NDArray[np.generic]:
    """The values of all bands of a TIFF, a path or a file's bytes: H×W×bands. Raises ImageError where they cannot be
    read. `name` is what errors call it.
    """
    place = name or ("image" if isinstance(source, bytes) else os.fspath(source))
    try:
        content = source if isinstance(source, bytes) else read_bytes(source, "encoded")
        values = tiff_values(content, MAX_PIXELS)
    except LimitError as error:
        raise ImageError(place, str(error)) from None
    except OSError as error:
        raise ImageError(place, f"cannot be opened ({error.strerror or error})") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ImageError(place, f"cannot be decoded ({error})") from None
    if values is None:
        raise ImageError(place, "expected a TIFF with all its bands, uncompressed or packed by deflate")
    return values
