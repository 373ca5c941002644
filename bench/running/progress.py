"""The progress of a run: what runs, how far, how long still. A live display, or lines where there is no terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from statistics import mean

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from ..records.record import Record
from ..suite.trial import Trial

#: Where there is no live display, a trial in progress is not passed over in silence for longer than this, in s.
SILENCE_SECONDS = 30.0
_STYLES = {"ok": "green", "skipped": "yellow"}


class Progress:
    """Writes a run's progress in lines: when a trial begins, when it ends, and every half minute in between.

    Parameters
    ----------
    console
        Where to write: standard error, so that standard output has results only.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._todo: list[Trial] = []
        self._ended = 0
        self._began = 0.0
        self._durations: dict[str, list[float]] = {}
        self._doing, self._since = "", time.monotonic()
        self._told = self._since

    def note(self, text: str) -> None:
        """Say something that is not about a single trial."""
        self._told = time.monotonic()
        self.console.print(Text(text), soft_wrap=True)

    def begin(self, todo: Sequence[Trial], total: int, earlier: Iterable[Record]) -> None:
        """Start the display.

        Parameters
        ----------
        todo
            The trials to run, in order.
        total
            How many were asked for, those with a record included.
        earlier
            Records of before: their times say how long a trial takes.
        """
        self._todo = list(todo)
        for record in earlier:
            self._learn(record)
        have = f", {total - len(todo)} are done" if total > len(todo) else ""
        self.note(f"{len(todo)} of {total} trials to run{have}")

    def trial_begins(self, trial: Trial) -> None:
        """Say that a trial starts."""
        self._began = time.monotonic()
        self.stage("starting")
        left = self.remaining()
        ending = f"  (about {duration(left)} left)" if left is not None else ""
        self.note(f"[{self._ended + 1}/{len(self._todo)}] {trial.name}{ending}")

    def baseline_begins(self, trial: Trial) -> None:
        """Say that the dense model is trained that a trial starts from."""
        self.stage("starting")
        self.note(f"training the baseline of {trial.table}, seed {trial.seed}")

    def stage(self, text: str) -> None:
        """Say what is being done."""
        self._doing, self._since = text, time.monotonic()

    def step(self, done: int, total: int, loss: float) -> None:
        """Say how far training is."""
        self._doing = f"training, step {done} of {total}, loss {loss:.3g}"

    def wait(self) -> None:
        """Say that it goes on, where nothing has been said for long; to be called often."""
        now = time.monotonic()
        if self._doing and now - self._told >= SILENCE_SECONDS:
            self.note(f"  {self._doing} ({duration(now - self._since)} so far)")

    def trial_ends(self, record: Record) -> None:
        """Say how a trial ended."""
        self._ended += 1
        self._learn(record)
        self._told = time.monotonic()
        self.console.print(_ending(record), soft_wrap=True)

    def end(self) -> None:
        """Take the display down."""

    def remaining(self) -> float | None:
        """Return the seconds the rest will take, judged by trials of the same table; None if unknown."""
        every = [seconds for table in self._durations.values() for seconds in table]
        if not every:
            return None
        waiting = self._todo[self._ended :]
        expected = [mean(self._durations.get(trial.table, every)) for trial in waiting]
        if expected:
            expected[0] = max(0.0, expected[0] - (time.monotonic() - self._began))
        return sum(expected)

    def _learn(self, record: Record) -> None:
        if record.status == "ok":
            self._durations.setdefault(record.table, []).append(record.seconds)


class LiveProgress(Progress):
    """The same as a live display of two bars, drawn when something happens and not by a clock.

    A display with a clock of its own would take processor time from the latency that is being measured.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._suite = self._bars.add_task("suite", total=None, detail="")
        self._trial = self._bars.add_task("trial", total=None, detail="", visible=False)

    def begin(self, todo: Sequence[Trial], total: int, earlier: Iterable[Record]) -> None:
        super().begin(todo, total, earlier)
        self._bars.update(self._suite, total=len(todo), completed=0)
        self._bars.start()

    def baseline_begins(self, trial: Trial) -> None:
        self._bars.update(self._trial, visible=True)
        super().baseline_begins(trial)

    def trial_begins(self, trial: Trial) -> None:
        self._began = time.monotonic()
        self._bars.update(self._suite, detail=trial.name)
        self._bars.update(self._trial, visible=True)
        self.stage("starting")

    def stage(self, text: str) -> None:
        self._bars.update(self._trial, description=text, total=None, completed=0, detail="")
        self._draw()

    def step(self, done: int, total: int, loss: float) -> None:
        self._bars.update(self._trial, completed=done, total=total, detail=f"steps, loss {loss:.3g}")
        self._draw()

    def wait(self) -> None:
        pass  # the display says it, whenever something happens

    def trial_ends(self, record: Record) -> None:
        super().trial_ends(record)
        self._bars.update(self._suite, completed=self._ended)
        self._draw()

    def end(self) -> None:
        self._bars.stop()

    def _draw(self) -> None:
        left = self.remaining()
        text = f"suite, about {duration(left)} left" if left is not None else "suite"
        self._bars.update(self._suite, description=text)
        self._bars.refresh()


def create_progress() -> Progress:
    """Return a live display if standard error is a terminal, else one that writes lines."""
    console = Console(stderr=True)
    return LiveProgress(console) if console.is_terminal else Progress(console)


def duration(seconds: float) -> str:
    """Return a time for people: ``45 s``, ``3 min 10 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _shown(score: float) -> str:
    return f"{score:.2f}" if math.isfinite(score) else "∞"


def _ending(record: Record) -> Text:
    """Return the line about a trial that has ended."""
    measured = record.measured
    text = Text(f"  {record.status}", style=_STYLES.get(record.status, "bold red"))
    text.append(f" after {duration(record.seconds)}: {record.name}", style="default")
    final = measured.quality.get("finished", {}).get(measured.metric or "")
    if final is not None:
        text.append(f", {measured.metric} {_shown(final)} {measured.unit}", style="default")
    if record.failure is not None:
        text.append(f": {record.failure.type}: {record.failure.message}", style="default")
    return text
