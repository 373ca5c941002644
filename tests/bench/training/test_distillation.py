"""Learning from the dense model: the formulas, what is left of the teacher, and where there is none to learn from."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from decompbench.bench.base.errors import BenchError, SuiteError
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.recipe import Distill, Recipe
from decompbench.bench.tasks import Task, TaskError, create_task
from decompbench.bench.training.baseline import Baseline
from decompbench.bench.training.train import train
from decompbench.bench.training.train_baseline import train_baseline

from ..factories import suite_content, write_suite


@pytest.fixture(scope="module")
def task() -> Task:
    """A thousand images of the embedded data: the validation split the other way round."""
    return create_task("classification", "fashion-mnist-10k").validation_split(0.9)


def linear(seed: int, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(784, 10))


# -- what is compared -------------------------------------------------------------------------------------------------


def test_classification_compares_softened_distributions(task: Task) -> None:
    output, teacher = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.0, 4.0], [2.0, 0.0]])
    expected = 0.0
    for student_logits, teacher_logits in zip(output.tolist(), teacher.tolist(), strict=True):
        q, p = ([math.exp(x / 2) for x in logits] for logits in (student_logits, teacher_logits))
        q, p = ([value / sum(values) for value in values] for values in (q, p))
        expected += sum(b * math.log(b / a) for a, b in zip(q, p, strict=True))
    assert task.distillation_loss(output, teacher, 2.0).item() == pytest.approx(4 * expected / 2, rel=1e-5)
    assert task.distillation_loss(output + 5, output, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_high_temperatures_compare_logits(task: Task) -> None:
    """Hinton et al., 2015, eq. 4: with the factor T² it tends to half the mean square of centred differences."""
    torch.manual_seed(0)
    output, teacher = torch.randn(2, 6, 10, dtype=torch.double)
    difference = (output - output.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    expected = difference.square().mean(1).mean() / 2
    assert task.distillation_loss(output, teacher, 1e4).item() == pytest.approx(expected.item(), rel=1e-3)


def test_auxiliary_outputs_are_left_out(task: Task) -> None:
    torch.manual_seed(0)
    output, other, teacher = torch.randn(3, 4, 10)
    expected = task.distillation_loss(output, teacher, 2.0)
    assert torch.equal(task.distillation_loss((output, other, None), teacher, 2.0), expected)
    assert torch.equal(task.distillation_loss((output, other), (teacher, other), 2.0), expected)


def test_super_resolution_compares_images() -> None:
    task = create_task("super_resolution", "photographs")
    output, teacher = torch.rand(2, 2, 3, 8, 8)
    expected = (output - teacher).abs().mean().item()
    assert task.distillation_loss(output, teacher, 4.0).item() == pytest.approx(expected)
    with pytest.raises(TaskError, match=r"where .* is wanted"):
        task.distillation_loss(output, teacher[..., :4], 4.0)


def test_a_task_that_cannot_compare_says_so(task: Task) -> None:
    output = torch.zeros(1, 2)
    with pytest.raises(TaskError, match="classification does not say how to learn from a teacher"):
        Task.distillation_loss(task, output, output, 1.0)


# -- training ---------------------------------------------------------------------------------------------------------


def test_same_as_a_loop_written_out(task: Task) -> None:
    recipe = Recipe(
        epochs=1, batch_size=250, optimizer="momentum", momentum=0, lr=0.1, weight_decay=0, schedule="constant",
        distill=Distill(weight=0.3, temperature=2.0),
    )  # fmt: skip
    model, expected, teacher = linear(0), linear(0), linear(1).eval()
    history = train(model, task, recipe, seed=7, teacher=teacher).history
    generator, losses = torch.Generator().manual_seed(7), []
    for images, labels in task.train_batches(250, generator):
        output = expected(images)
        distance = task.distillation_loss(output, teacher(images).detach(), 2.0)
        loss = 0.7 * nn.functional.cross_entropy(output, labels) + 0.3 * distance
        expected.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in expected.parameters():
                parameter -= 0.1 * parameter.grad  # pyright: ignore[reportOperatorIssue]
        losses.append(loss.item())
    for key, tensor in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], tensor, rtol=1e-4, atol=1e-6)
    assert history[0]["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_the_teacher_is_in_evaluation_mode_and_stays_as_it_is(task: Task) -> None:
    teacher = nn.Sequential(nn.BatchNorm2d(1), linear(1, dropout=0.5)).train()
    before = {key: tensor.clone() for key, tensor in teacher.state_dict().items()}
    recipe = Recipe(epochs=0.5, batch_size=100, distill=Distill(weight=1.0))
    states = []
    for one in (teacher, copy.deepcopy(teacher).eval()):  # a teacher with dropout would teach something else
        model = linear(0)
        train(model, task, recipe, seed=3, teacher=one)
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert all(torch.equal(before[key], tensor) for key, tensor in teacher.state_dict().items())
    assert all(module.training for module in teacher.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in teacher.parameters())


def test_a_student_that_is_its_teacher_has_nothing_to_learn(task: Task) -> None:
    model = linear(0)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    recipe = Recipe(epochs=0.2, batch_size=100, weight_decay=0, distill=Distill(weight=1.0))
    result = train(model, task, recipe, seed=0, teacher=linear(0))
    assert result.history[0]["loss"] == pytest.approx(0, abs=1e-6)
    for key, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[key], rtol=0, atol=1e-6)


def test_a_student_comes_nearer_to_its_teacher(task: Task) -> None:
    teacher, model = linear(1), linear(0)
    recipe = Recipe(epochs=5, batch_size=50, lr=0.01, distill=Distill(weight=1.0))
    history = train(model, task, recipe, seed=0, teacher=teacher).history
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]


def test_a_teacher_without_distillation_changes_nothing(task: Task) -> None:
    states: list[dict[str, Tensor]] = []
    for teacher in (None, linear(1)):
        model = linear(0)
        train(model, task, Recipe(epochs=0.2, batch_size=100), seed=0, teacher=teacher)
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


# -- where there is none to learn from --------------------------------------------------------------------------------


def test_training_without_a_teacher_is_refused(task: Task, tmp_path) -> None:
    recipe = Recipe(epochs=0.1, distill=Distill())
    with pytest.raises(BenchError, match="no trained model to learn from"):
        train(linear(0), task, recipe, seed=0)
    with pytest.raises(BenchError, match="no trained model to learn from"):
        train_baseline(Baseline("resnet8", "classification", "fashion-mnist-10k", recipe), tmp_path)


@pytest.mark.parametrize(
    ("distill", "message"),
    [
        ({"weight": 0}, "greater than 0"),
        ({"weight": 1.5}, "less than or equal to 1"),
        ({"temperature": 0}, "greater than 0"),
        ({"temprature": 2}, "temprature"),
        (True, "distill"),
    ],
)
def test_refused(distill: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate({"distill": distill})


def test_a_suite_that_distils_from_untrained_weights_is_refused(tmp_path) -> None:
    content = suite_content(recipe={"distill": {"weight": 0.9}})
    with pytest.raises(SuiteError, match=r"entries\[0\].*set pretrained"):
        load_suite(str(write_suite(tmp_path, content)))
    content["entries"][0]["pretrained"] = True
    (entry,) = load_suite(str(write_suite(tmp_path, content))).entries
    assert entry.recipe.distill == Distill(weight=0.9, temperature=4.0)


def test_a_typo_in_a_suite_gets_the_nearest_name(tmp_path) -> None:
    content = suite_content(recipe={"distill": {"temprature": 2}})
    with pytest.raises(SuiteError, match=r"unknown key 'temprature' .did you mean 'temperature'"):
        load_suite(str(write_suite(tmp_path, content)))


def test_json_round_trip() -> None:
    recipe = Recipe(distill=Distill(weight=0.9, temperature=2.0))
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
