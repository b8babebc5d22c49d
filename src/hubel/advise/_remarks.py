"""Remarks on a network, and how they tell themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hubel.arch import (
    Network,
)
from hubel.base.names import listing
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table
from hubel.view.words.told import Line, Styled


@dataclass(frozen=True, repr=False)
class Advice(Result):
    """One remark: what is so (`finding`), and what would help (`remedy`), about the layers `paths`.

    `figures` are the numbers that it stands on. Where the remedy is a change that can be made at once, to the first
    layer of `paths` (for `rule` "useless bias": to all), `network` is the network changed.
    """

    rule: str
    paths: tuple[str, ...]
    finding: str
    remedy: str
    figures: Mapping[str, int | float] = field(default_factory=dict)
    network: Network | None = None

    def shown(self) -> list[Part]:
        """The rule, where it applies, the finding and the remedy."""
        return [f"{self.rule}: {listing(self.paths, 4)}", self.finding, self.remedy]

    def data(self) -> dict[str, object]:
        """The remark as plain values, the changed network in text form."""
        return {
            "rule": self.rule,
            "layers": list(self.paths),
            "finding": self.finding,
            "remedy": self.remedy,
            "figures": dict(self.figures),
            "changed": str(self.network) if self.network is not None else None,
        }


class Remarks(Finding, tuple[Advice, ...]):
    """All remarks on a network, the costliest first within each rule; none on a sound one."""

    network: Network

    def shown(self) -> list[Part]:
        """How many there are, and a table of them."""
        return [f"{len(self)} remarks on {self.network.name or 'the network'}", *self.tables()]

    def data(self) -> dict[str, object]:
        """The network, and each remark."""
        name, text = self.network.name, str(self.network)
        return {"name": name, "text": text, "advice": [advice.data() for advice in self]}

    def lines(self, width: int = 160) -> Iterator[Line]:
        """Each remark with its remedy."""
        for advice in self:
            yield Styled("[bold]{}[/]  {}", advice.rule, advice.finding)
            yield f"  → {advice.remedy}"
        if not self:
            yield "nothing to point at"

    def tables(self) -> list[Table]:
        """A remark a line."""
        rows = [(advice.rule, advice.finding, advice.remedy) for advice in self]
        return [Table(("rule", "finding", "remedy"), rows, "advice")]
