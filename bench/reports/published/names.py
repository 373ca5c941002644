"""The papers' names of our models, methods and data: ``names.yaml``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ....common.names import suggestion
from ...base.errors import BenchError
from ...base.model import Strict
from ...base.yaml import parse_value
from .read import PublishedRow


class ModelName(Strict):
    """A network of a table.

    Attributes
    ----------
    paper, model
        The paper, and the name in its tables.
    dataset
        Glob pattern over the tables' data sets: one name may mean different networks.
    ours
        Glob patterns over our names of it.
    """

    paper: str
    dataset: str
    model: str
    ours: tuple[str, ...] = Field(min_length=1)

    def means(self, row: PublishedRow) -> bool:
        """Tell whether a row of a table is about this network."""
        return (self.paper, self.model) == (row.paper, row.model) and fnmatchcase(row.dataset, self.dataset)

    def is_ours(self, model: str) -> bool:
        """Tell whether ``model``, as we name it, is this network."""
        return any(fnmatchcase(model, pattern) for pattern in self.ours)


class DatasetName(Strict):
    """A data set of the tables.

    Attributes
    ----------
    ours
        Our name of it.
    other
        By our name: data that is not quite the same, and why.
    """

    ours: str
    other: dict[str, str] = Field(default_factory=dict)


class TestSet(Strict):
    """A set that super-resolution is tested on.

    Attributes
    ----------
    psnr
        Our name of the PSNR that the tables give.
    note
        A remark.
    """

    psnr: Literal["psnr_y", "psnr_rgb"] = "psnr_y"
    note: str = ""


class MethodName(Strict):
    """A method of the tables.

    Attributes
    ----------
    ours
        Our method, or the label it bears in our suites; None where it is none of ours.
    note
        How the two differ.
    """

    ours: str | None
    note: str = ""


class Names(Strict):
    """All names.

    Attributes
    ----------
    models, datasets, methods
        By the tables' names.
    trained_on
        Our name of the data that the tables' super-resolution networks are trained on.
    test_sets
        The sets that these are tested on, whose names are ours.
    """

    models: tuple[ModelName, ...]
    datasets: dict[str, DatasetName]
    trained_on: str
    test_sets: dict[str, TestSet]
    methods: dict[str, MethodName]

    def method(self, row: PublishedRow) -> MethodName:
        """Return our name of a row's method.

        Raises
        ------
        BenchError
            Nobody said: no method may be left out in silence.
        """
        if row.method not in self.methods:
            raise BenchError(f"{row}: names.yaml lacks the method{suggestion(row.method, self.methods)}")
        return self.methods[row.method]


@cache
def load_names() -> Names:
    """Read ``names.yaml``.

    Raises
    ------
    BenchError
        The file cannot be used.
    """
    file = Path(__file__).parent / "names.yaml"
    try:
        return Names(**parse_value(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BenchError(f"{file}: {error}") from None
