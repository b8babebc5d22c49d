"""Tasks whose models make something that another task's models can judge."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

from hubel.data import Dataset
from hubel.tasks.model import LoadedModel
from hubel.tasks.task import Section


class Judged(abc.ABC):
    """A task of making examples. judged_by: the task whose models, trained on the same data, can say what was made."""

    judged_by: ClassVar[str]

    @abc.abstractmethod
    def compared(
        self, model: LoadedModel, dataset: Dataset, training: Dataset | None, judge: LoadedModel | None, told: str
    ) -> Sequence[Section]:
        """What a report shows of what is made beside a set and, where that can be read, what the model was trained on.
        told: which judge it is, or why there is none.
        """
