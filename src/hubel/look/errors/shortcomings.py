"""What a model that does not classify gets wrong, as its task shows it: tables of parts, pictures, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hubel.base.errors import SettingError
from hubel.data import Dataset
from hubel.look.access.infer import check_size
from hubel.look.access.models import of_any_model
from hubel.tasks import LoadedModel
from hubel.tasks.results import Section
from hubel.view.words.finding import Drawn
from hubel.view.words.tables import Table


@dataclass(frozen=True, eq=False)
class Shortcomings(Drawn):
    """The sections in which a task shows how well a model does on a set. task: its name."""

    drawn_by: ClassVar[str] = "hubel.look.figures.shortcomings:figure"

    task: str
    sections: Sequence[Section] = field(repr=False)

    @property
    def outcome(self) -> str:
        """What the first section says of the whole."""
        return self.sections[0].note

    def tables(self) -> list[Table]:
        """The sections' tables."""
        return [Table(each.table.titles, each.table.rows, each.title) for each in self.sections if each.table]

    def lines(self, width: int = 160) -> Iterator[str]:
        """The tables with what they are of."""
        for each in self.tables():
            yield f"{each.title}:"
            yield from each.plain().splitlines()

    def data(self) -> dict[str, Any]:
        """The tables, a row by its titles, and what the pictures show."""
        found: dict[str, Any] = {"task": self.task}
        for each in self.sections:
            own: dict[str, Any] = {"title": each.title, "note": each.note}
            if each.table:
                titles = [title.lstrip("#") for title in each.table.titles]
                own["rows"] = [dict(zip(titles, row, strict=True)) for row in each.table.rows]
            if each.pictures:
                own["pictures"] = [told for told, _ in each.pictures]
            found[each.name] = own
        return found


@of_any_model
def shortcomings(model: LoadedModel, dataset: Dataset) -> Shortcomings:
    """What the model's task shows of a set of images of the model's size, with targets of the task.

    Raises SettingError where the images are of another size, or the task shows nothing.
    """
    check_size(model, dataset)
    sections = model.task.sections(model, dataset)
    if not any(each.table or each.pictures for each in sections):
        raise SettingError(f"expected a model whose task shows its mistakes, received one for {model.task.name}")
    return Shortcomings(model.task.name, sections)
