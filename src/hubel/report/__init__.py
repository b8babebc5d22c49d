"""A run as one page: `report.html` works offline, with everything in it.

>>> from hubel.report import write_report
>>> from hubel.train import Run
>>> write_report(Run.open("runs/lenet5-mnist"))  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.report._images import picture_url
    from hubel.report._write import REPORT, own_splits, report_page, write_report

__all__ = ["REPORT", "own_splits", "picture_url", "report_page", "write_report"]


def __getattr__(name: str) -> object:
    if name in __all__:  # loaded when used: what is packed for a page needs none of it
        from hubel.report import _images, _write

        return getattr(_images if name == "picture_url" else _write, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
