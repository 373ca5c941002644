"""Checks of training: gradients, penalty, and sessions that end, go on from their state, and run under autocast."""

from __future__ import annotations

import math
import tempfile

import torch

from ..contract.cost import Target
from ..contract.method import Method
from ..lifecycle.counting import count_stored
from ..lifecycle.session import Session, begin
from ..linear_layers.layers import LinearInTraining
from ..plan.planner import plan
from .checks_state import saved_and_loaded
from .compressing import Case, begin_case
from .failure import NotApplicable, demand


def check_gradients_reach_every_parameter(method: Method, case: Case) -> None:
    """After one backward pass of output and penalty each trainable parameter has a finite gradient, and not of zero."""
    session, x = _training(method, case), case.example().double()
    # In single precision a small gradient can be rounded to zero, on some processors and not on others: that of a
    # batch-norm's weight before a 1×1 of one channel and another batch-norm is of the size of their eps.
    session.model.double()
    # a sum of squares about a random target: no gradient is zero by symmetry
    output = session.model(x)
    target = torch.randn(output.shape, generator=torch.Generator().manual_seed(2)).to(output)
    ((output - target).square().mean() + session.penalty()).backward()
    for name, parameter in session.model.named_parameters():
        if parameter.requires_grad:
            demand(
                parameter.grad is not None,
                f"no gradient reaches {name}: let forward() use it, or keep it in a buffer if it is not trained",
            )
            assert parameter.grad is not None
            demand(
                bool(parameter.grad.isfinite().all()),
                f"the gradient of {name} is not finite: guard divisions and roots against zero",
            )
            demand(
                bool(parameter.grad.any()),
                f"the gradient of {name} is zero everywhere: it would never train, so do not start it, and what it is "
                "multiplied by, at zero",
            )


def check_penalty_is_a_finite_scalar(method: Method, case: Case) -> None:
    """The penalty is one finite number on the model's device, before and after a step."""
    session, x = _training(method, case), case.example()
    for moment in ("before the first step", "after a step"):
        penalty = session.penalty()
        demand(
            penalty.dim() == 0 and bool(penalty.isfinite()) and penalty.device == x.device,
            f"penalty() {moment} is {penalty}: return a finite scalar on the model's device, or None",
        )
        _step(session, x)


def check_a_training_loop_ends_in_a_small_model(method: Method, case: Case) -> None:
    """After some steps `finish` gives a model with every planned layer replaced, whose output is finite."""
    session, x = _training(method, case), case.example()
    for _ in range(3):
        _step(session, x)
    small = session.finish()
    demand(bool(small.eval()(x).isfinite().all()), "after three steps of training the output is not finite")
    planned = [path for group in session.plan.groups for path in group.paths]
    dense = (torch.nn.Conv2d, torch.nn.Linear, LinearInTraining)
    left = [path for path in planned if type(small.get_submodule(path)) in dense]
    demand(
        not left,
        f"after finish() {', '.join(left)} is still dense: SessionPart.replacements and SessionPart.finish() "
        "together have to give a layer for every path",
    )


def check_a_session_goes_on_from_its_state(method: Method, case: Case) -> None:
    """Two steps, then two more in a new session given model and session state: the weights of four steps in one."""
    whole, first, second = (_training(method, case) for _ in range(3))
    x = case.example()
    for session, steps in ((whole, 4), (first, 2)):
        for _ in range(steps):
            _step(session, x)
    second.model.load_state_dict(first.model.state_dict())
    with tempfile.TemporaryFile() as file:
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(2):
        _step(second, x)
    expected, found = whole.finish().state_dict(), second.finish().state_dict()
    changed = [name for name in expected if not torch.equal(expected[name], found[name])]
    demand(
        not changed,
        f"a training that went on from its state has other values in {', '.join(changed)}: let state_dict() of the "
        "part have all that steps change, and load_state_dict() take it back",
    )


def check_trains_under_autocast(method: Method, case: Case) -> None:
    """Forward and backward pass run under automatic mixed precision, with finite gradients in float32."""
    session, x = _training(method, case), case.example()
    try:
        with torch.autocast(x.device.type, torch.bfloat16):
            output, penalty = session.model(x), session.penalty()
        (output.float().square().mean() + penalty).backward()
    except RuntimeError as error:
        demand(
            False,
            f"under torch.autocast in bfloat16 the layer fails ({error}): bring what is multiplied by hand to one "
            "dtype",
        )
    wrong = [
        name
        for name, parameter in session.model.named_parameters()
        if parameter.grad is not None
        and (parameter.grad.dtype != parameter.dtype or not parameter.grad.isfinite().all())
    ]
    demand(not wrong, f"under torch.autocast the gradients of {', '.join(wrong)} are not finite or of another dtype")


def check_monitor_names_layers_of_the_plan(method: Method, case: Case) -> None:
    """What a session tells of its training is of layers of the plan, and in finite numbers."""
    session, x = _training(method, case), case.example()
    paths = {path for group in session.plan.groups for path in group.paths}
    for _ in range(2):
        told, spectra = session.monitor(), session.spectra()
        demand({*told, *(spectrum.layer for spectrum in spectra)} <= paths,
               "monitor() and spectra() tell of layers that the plan does not compress")  # fmt: skip
        values = [value for numbers in told.values() for own in numbers.values() for value in own]
        values += [value for spectrum in spectra for value in spectrum.values]
        demand(all(math.isfinite(value) for value in values), "monitor() and spectra() tell finite numbers")
        _step(session, x)


def check_sizes_chosen_in_training_are_in_the_plan(method: Method, case: Case) -> None:
    """Sizes that training chose keep the budget, and are in the plan, from which a saved model is rebuilt."""
    if not method.sizes_from_training:
        raise NotApplicable("the sizes are those of the plan")
    for target in (None, Target(params=0.3)):
        model, x = case.model().train(), case.example()
        session = begin(model, plan(model, method, x, target, unreachable="nearest"), calibration=[x])
        planned = session.plan.after.weights
        for _ in range(3):
            _step(session, x)
        small = session.finish().eval()
        stored, said = count_stored(small).weights, session.plan.after.weights
        demand(stored == said, f"the layers store {stored:,} weights, the plan says {said:,}: let chosen() tell it")
        demand(target is None or stored <= planned, f"the budget is {planned:,} weights, the layers store {stored:,}")
        again = saved_and_loaded(small, case)
        demand(torch.equal(again(x), small(x)), "the loaded model computes something else")


def _training(method: Method, case: Case) -> Session:
    return begin_case(case.model().train(), method, case)


def _step(session: Session, x: torch.Tensor) -> None:
    """Take one step of gradient descent, as any training loop does."""
    optimizer = torch.optim.SGD(session.model.parameters(), lr=0.01)
    (session.model(x).square().mean() + session.penalty()).backward()
    torch.nn.utils.clip_grad_norm_(session.model.parameters(), 0.1)  # an untrained network's loss may be any size
    optimizer.step()
    optimizer.zero_grad()
    session.after_step()
