"""The pictures of super-resolution: one test image as each kept model makes it, with its PSNR."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .....common.files import require_writable, write_atomically
from .....common.names import suggestion
from ....base.errors import BenchError
from ....records.record import Record
from ....suite.load import load_suite
from ....suite.trial import Trial, expand

if TYPE_CHECKING:
    from torch import Tensor

    from ....data.super_resolution.pairs import Pair

TASK = "super_resolution"
TRUTH, BICUBIC = "ground truth", "bicubic"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a scene.

    Attributes
    ----------
    label : str
        Who made it.
    pixels : ndarray
        ``(h, w, 3)`` uint8.
    psnr : float, optional
        Of the whole picture against the ground truth, in dB; None of the ground truth itself.
    """

    label: str
    pixels: np.ndarray
    psnr: float | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """One test image: the ground truth first, then bicubic interpolation, then the models.

    Attributes
    ----------
    name, test, scale
        Of the image, of the set that it is from, and what it is enlarged by.
    metric : str
        Which PSNR the pictures have.
    pictures : tuple of Picture
        All of one size.
    """

    name: str
    test: str
    scale: int
    metric: str
    pictures: tuple[Picture, ...]


def make_scene(
    records: Sequence[Record],
    suite: str,
    models: Path,
    image: str | None = None,
    *,
    on_note: Callable[[str], None] = lambda note: None,
) -> Scene:
    """Return a test image as the kept models of some records make it.

    Parameters
    ----------
    records : sequence of Record
        Of one table of super-resolution; of several seeds the first counts.
    suite : str
        A packaged suite's name or the path of a YAML file: it says where the data is.
    models : Path
        Folder that ``decompbench run --keep-models`` wrote.
    image : str, optional
        Name of a test image, ``bird`` or ``Set5/bird``; by default the first of the first test set.
    on_note : callable
        Told which records have no model in the folder.

    Raises
    ------
    BenchError
        The records are not of one such table, none has a model in the folder, or no test image has the name.
    """
    from .....methods.contract.forward import evaluating
    from ....data.images.resize import upsample
    from ....planning.build import create_trial_task
    from ....running.kept_models import load_kept
    from ....tasks.super_resolution import SuperResolution

    if not models.is_dir():
        raise BenchError(f"there is no folder {models}: 'decompbench run {suite} --keep-models {models}' makes it")
    rows = _rows(records)
    trials = _trials(rows, suite)
    first = next(iter(trials.values()))
    first.needed_plugins.load()
    task = create_trial_task(first)
    if not isinstance(task, SuperResolution):
        raise BenchError(f"pictures are made by the task {TASK}, not by one of a plugin")
    test, pair = _find(image, [(test, pair) for test, pairs in task.data.tests.items() for pair in pairs.pairs])
    ((low, high),) = task.data.decoded.read([pair])
    metric = next(iter(task.score(high, high)))

    def picture(label: str, pixels: Tensor) -> Picture:
        return Picture(label, _pixels(pixels), task.score(pixels, high)[metric])

    pictures = [Picture(TRUTH, _pixels(high)), picture(BICUBIC, upsample(low, task.options.scale))]
    for record in rows:
        model = load_kept(models, record.key, record.measured.state_sha256)
        if model is None:
            on_note(f"left out: {record.name}, whose model is not in {models}")
            continue
        with evaluating(model):
            pictures.append(picture(_label(record), task.enlarge(model, low)))
    if len(pictures) == 2:
        raise BenchError(
            f"{models} holds no model of these records: 'decompbench run {suite} --keep-models {models}' keeps those "
            "that it trains"
        )
    return Scene(Path(pair.name).stem, test or task.data_name, task.options.scale, metric, tuple(pictures))


def write_pictures(scene: Scene, folder: Path) -> list[Path]:
    """Write every picture whole, as PNG; return the files.

    Raises
    ------
    BenchError
        One cannot be written.
    """
    from PIL import Image

    files = []
    try:
        require_writable(folder)
        for picture in scene.pictures:
            buffer = io.BytesIO()
            Image.fromarray(picture.pixels).save(buffer, "PNG")
            words = re.sub(r"[^A-Za-z0-9=%.+-]+", "_", f"{scene.name}-x{scene.scale}-{picture.label}")
            files.append(folder / f"{words}.png")
            write_atomically(files[-1], buffer.getvalue())
    except OSError as error:
        raise BenchError(f"cannot write pictures to {folder}: {error.strerror or error}") from None
    return files


def _rows(records: Sequence[Record]) -> list[Record]:
    """Return the records to show: one for each row of their table, the dense model first."""
    of_task = [record for record in records if record.trial.task == TASK and record.status == "ok"]
    if not of_task:
        raise BenchError("nothing to draw: pictures are of super-resolution, and no such record that is ok is left")
    tables = list(dict.fromkeys((record.table, record.machine, record.trial.device) for record in of_task))
    if len(tables) > 1:
        listed = "; ".join(f"{table} on {machine} ({device})" for table, machine, device in tables)
        raise BenchError(f"pictures are of one table: choose one, as with --filter model=…; there is {listed}")
    rows: dict[str, Record] = {}
    for record in sorted(of_task, key=lambda record: record.trial.seed):
        rows.setdefault(_label(record), record)
    order = [_label(record) for record in of_task]
    return sorted(rows.values(), key=lambda record: (not record.trial.is_dense, order.index(_label(record))))


def _trials(rows: Sequence[Record], suite: str) -> dict[str, Trial]:
    """Return the suite's trials that the records are of."""
    known = {trial.name: trial for trial in expand(load_suite(suite))}
    trials = {record.name: known[record.name] for record in rows if record.name in known}
    if not trials:
        raise BenchError(f"the suite {suite} has none of these trials any more, such as {rows[0].name}")
    return trials


def _label(record: Record) -> str:
    return " ".join(filter(None, (record.method.label, str(record.trial.budget or ""))))


def _find(image: str | None, pairs: Sequence[tuple[str, Pair]]) -> tuple[str, Pair]:
    """Return the test set and the pair of an image by its name, with or without suffix and test set."""
    if image is None:
        return pairs[0]
    names = [{pair.name, Path(pair.name).stem} for _, pair in pairs]
    names = [{*own, *(f"{test}/{one}" for one in own)} for own, (test, _) in zip(names, pairs, strict=True)]
    found = [place for own, place in zip(names, pairs, strict=True) if image in own]
    if len(found) == 1:
        return found[0]
    if found:
        raise BenchError(
            f"several test sets have an image '{image}': say {' or '.join(f'{t}/{image}' for t, _ in found)}"
        )
    stems = [Path(pair.name).stem for _, pair in pairs]
    raise BenchError(f"no test image '{image}'{suggestion(image, stems)}; there is {', '.join(stems[:12])}")


def _pixels(image: Tensor) -> np.ndarray:
    """Return ``(3, h, w)`` in [0, 255] as ``(h, w, 3)`` uint8."""
    return image.clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
