"""The loader of super-resolution data by name: a set to train on, one or several to test on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..names import split_data
from ..places import folder_of
from ..registry import find_data
from ..types import revision_of
from .pairs import DECODED_LIMIT, DecodedPairs, PairSet
from .photographs import photographs_revision

TASK = "super_resolution"


@dataclass(frozen=True)
class SuperResolutionData:
    """Images at low and high resolution, of one scale.

    Attributes
    ----------
    name : str
        As given to ``load_super_resolution``.
    revision : str
        16 hex digits over all sets and the names of the test sets.
    train : PairSet
        To train on.
    tests : dict of str to PairSet
        To test on, by the name that metrics have them under; an empty one where the data brings its only test set.
    decoded : DecodedPairs
        What decodes them.
    """

    name: str
    revision: str
    train: PairSet
    tests: dict[str, PairSet]
    decoded: DecodedPairs

    def validation_split(self, fraction: float, seed: int) -> SuperResolutionData:
        """Return data whose test set is a strip of every training image: its top or its bottom, by ``seed``.

        Not whole images: two of the photographs are one scene from two sides, and strips part that scene too, as
        the two differ by a horizontal shift only.
        """
        train, test = [], []
        for pair in self.train.pairs:
            height = pair.size[0]
            strip = max(1, round(fraction * height))
            rows = ((strip, height), (0, strip)) if seed % 2 else ((0, height - strip), (height - strip, height))
            train.append(pair.strip(*rows[0]))
            test.append(pair.strip(*rows[1]))
        what = f"[validation {fraction:g}, seed {seed}]"
        revision = revision_of((), [self.revision, what])
        parts = [PairSet(self.train.name + what, revision, tuple(pairs)) for pairs in (train, test)]
        return SuperResolutionData(self.name + what, revision, parts[0], {"": parts[1]}, self.decoded)


def load_super_resolution(
    name: str, root: str | Path | None = None, *, scale: int, decoded_limit: int = DECODED_LIMIT
) -> SuperResolutionData:
    """Find images for super-resolution. None is decoded yet.

    Parameters
    ----------
    name : str
        ``photographs`` or ``div2k:PATH``, which bring a test set; or ``TRAIN -> TEST, TEST``, each of them one of
        these (of which one part is taken) or ``sr:PATH``.
    root : str or Path, optional
        Folder that a relative PATH starts from, by default the current one.
    scale : int
        Enlargement.
    decoded_limit : int
        Bytes of decoded images to keep in memory; what is beyond that is decoded again whenever it is asked for.

    Raises
    ------
    UnknownDataError
        No such name; the message has the nearest.
    DataError
        Images are missing or damaged, do not fit each other, or two test sets have one name.
    """
    train_name, test_names = check_names(name)
    train = _load(train_name, root, scale, "train")
    tests: dict[str, PairSet] = {}
    for test_name in test_names:
        test = _load(test_name, root, scale, "test")
        if test.name in tests:
            raise DataError(f"'{name}' has two test sets named {test.name}: name a folder differently.")
        tests[test.name] = test
    if not tests:
        tests[""] = _load(train_name, root, scale, "test")
    revision = revision_of((), [train.revision, *(f"{test}={images.revision}" for test, images in tests.items())])
    if name == "photographs":
        revision = photographs_revision()
    return SuperResolutionData(name, revision, train, tests, DecodedPairs(decoded_limit))


def check_names(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the set to train on and those to test on; the data need not be there.

    Raises
    ------
    UnknownDataError
        No such name; the message has the nearest.
    DataError
        There is no test set.
    """
    train, tests = split_data(name)
    for one in (train, *tests):
        find_data(one, TASK)
    if not tests and train.startswith("sr:"):
        raise DataError(f"'{name}' has no test set: say on which, as in '{name} -> sr:Set5, sr:Set14'.")
    return train, tests


def _load(name: str, root: str | Path | None, scale: int, part: str) -> PairSet:
    return find_data(name, TASK).load(name, folder_of(name, root), scale, part)
