"""What a training keeps of its layers: at which moments, which singular values, and across a break."""

import pytest
import torch

from decompbench.bench.suite.recipe import Recipe
from decompbench.bench.tasks import create_task
from decompbench.bench.training.checkpoint import Checkpoint
from decompbench.bench.training.train import train
from decompbench.bench.training.watch import MOST_MOMENTS, MOST_VALUES, beside, moments, spread
from decompbench.methods import Tucker2, begin, plan
from decompbench.methods.numerics.unfolding import Spectrum
from decompbench.models import load_model

from .made_hooks import hooks


@pytest.mark.parametrize(
    ("total", "per_epoch", "expected"),
    [
        (12, 4, set(range(1, 13))),  # fewer steps than moments
        (450 * 704, 704, {704 * 12 * n for n in range(1, 38)} | {450 * 704}),
        (30 * 100, 100, {100 * n for n in range(1, 31)}),
        (2 * 100, 100, {5 * n for n in range(1, 41)}),
        (195, 390, {round(195 * n / 40) for n in range(1, 41)}),  # half an epoch
    ],
)
def test_moments_are_ends_of_epochs_or_evenly_within_them(total, per_epoch, expected):
    found = moments(total, per_epoch)
    assert found == expected
    assert len(found) <= MOST_MOMENTS + 1


def test_as_many_values_are_kept_as_can_be_drawn():
    assert spread([3.0, 2.0, 1.0]) == ([1, 2, 3], [3.0, 2.0, 1.0])
    assert spread([3.0]) == ([1], [3.0])
    places, values = spread([float(-n) for n in range(512)])
    assert (len(places), places[0], places[-1]) == (MOST_VALUES, 1, 512)
    assert values == [1.0 - place for place in places]
    assert sorted(set(places)) == places


def test_before_and_after_stand_side_by_side():
    before, after = (Spectrum("a", "out", 2, values) for values in ((3.0, 1.0), (2.0, 0.0)))
    assert beside([before], [after]) == [
        {"layer": "a", "unfolding": "out", "rank": 2, "places": [1, 2], "before": [3.0, 1.0], "after": [2.0, 0.0]}
    ]


@pytest.fixture(scope="module")
def task():
    return create_task("classification", "fashion-mnist-10k").validation_split(0.96)


def begun(learn):
    torch.manual_seed(0)
    model = load_model("resnet8", in_chans=1, num_classes=10)
    return begin(model, plan(model, Tucker2(0.4, learn=learn, eta=1e-4, every=3), torch.zeros(1, 1, 28, 28)))


@pytest.mark.parametrize("learn", ["arp", "lc", "nuclear"])
def test_a_training_keeps_what_its_method_tells(task, learn):
    session = begun(learn)
    result = train(session.model, task, Recipe(epochs=2, batch_size=100, lr=0.01), hooks=session)
    assert [moment["step"] for moment in result.monitor] == list(range(1, result.steps + 1))
    assert result.monitor[-1]["epoch"] == 2
    paths = [path for group in session.plan.groups for path in group.paths]
    for moment in result.monitor:
        assert list(moment["layers"]) == paths
        numbers = [own["violation"] for own in moment["layers"].values()]
        assert all(value >= 0 for own in numbers for value in own)
    if learn == "arp":
        first, last = (result.monitor[n]["layers"]["layer1.0.conv1"]["strength"] for n in (0, -1))
        assert len(first) == 2
        assert 0 < min(first) < min(last)
    assert {(one["layer"], one["unfolding"]) for one in result.spectra} == {
        (p, s) for p in paths for s in ("out", "in")
    }
    ranked = [one["rank"] for one in result.spectra]
    assert all(rank is None for rank in ranked) if learn == "nuclear" else all(ranked)
    for one in result.spectra:
        assert one["before"] != one["after"]
        assert sorted(one["after"], reverse=True) == one["after"]


def test_a_training_without_a_penalty_keeps_nothing(task):
    session = begun(None)
    result = train(session.model, task, Recipe(epochs=1, batch_size=100, lr=0.01), hooks=session)
    assert (result.monitor, result.spectra) == ([], [])


def test_singular_values_before_are_those_of_before_the_break(task, tmp_path):
    recipe = Recipe(epochs=2, batch_size=100, lr=0.01)
    session = begun("arp")
    whole = train(session.model, task, recipe, hooks=session)

    class EndedError(Exception):
        pass

    def end(*_):
        steps.append(1)
        if len(steps) == 5:
            raise EndedError

    steps: list[int] = []
    checkpoint = Checkpoint(tmp_path / "state", "of this test", seconds=0.0)
    session = begun("arp")
    part = hooks(penalty=session.penalty, after_step=lambda: (session.after_step(), end()), monitor=session.monitor,
                 spectra=session.spectra, state_dict=session.state_dict)  # fmt: skip
    with pytest.raises(EndedError):
        train(session.model, task, recipe, hooks=part, checkpoint=checkpoint)
    session = begun("arp")
    result = train(session.model, task, recipe, hooks=session, checkpoint=checkpoint)
    assert (result.monitor, result.spectra) == (whole.monitor, whole.spectra)


def test_a_training_that_ends_early_keeps_its_last_moment(task):
    session = begun("arp")
    result = train(
        session.model, task, Recipe(epochs=40, batch_size=100, lr=0.01), hooks=hooks(
            monitor=session.monitor, spectra=session.spectra, penalty=session.penalty,
            after_step=session.after_step, converged=iter([False, False, True]).__next__,
        ),
    )  # fmt: skip
    assert result.steps == 3
    assert [moment["step"] for moment in result.monitor] == [3]
