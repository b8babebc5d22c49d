"""Why a request is not answered: one sentence, one word to count by, one status."""

from __future__ import annotations

REASONS = {
    "host": 421,
    "origin": 403,
    "token": 401,
    "request": 400,
    "head": 431,
    "length": 413,
    "slow": 408,
    "unknown": 404,
    "method": 405,
    "kind": 415,
    "settings": 422,
    "pictures": 413,
    "unreadable": 422,
    "busy": 503,
    "full": 503,
    "deadline": 503,
    "fault": 500,
    "coding": 501,
}
"""The status of each reason."""


class Refusal(Exception):  # noqa: N818 (no error of the program, but its answer)
    """A request that is refused. again: seconds after which it may be tried anew, where that helps."""

    def __init__(self, reason: str, sentence: str, again: float | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.again = again

    @property
    def status(self) -> int:
        """The status of the answer."""
        return REASONS[self.reason]
