"""Checks of state: a compressed model can be saved, loaded, copied and made again."""

from __future__ import annotations

import copy
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import torch
from torch import nn

from ..contract.errors import StorageError
from ..contract.method import Method
from ..lifecycle.storage import load, rebuild, save
from ..plan.plan import Plan
from .compressing import Case, compress_case, compressed
from .failure import NotApplicable, demand


def check_saved_model_is_bit_equal(method: Method, case: Case) -> None:
    """A model that is saved, built again from its plan over other weights, and loaded gives the same bits."""
    model, x = compressed(method, case), case.example()
    again = saved_and_loaded(model, case)
    demand(
        torch.equal(again(x), model(x)),
        "the loaded model computes something else: keep all that forward() needs in parameters and buffers, or let it "
        "follow from the spec and the settings",
    )


def saved_and_loaded(model: nn.Module, case: Case) -> nn.Module:
    """Return a compressed model of a case, saved and loaded again over other dense weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(model, Path(folder) / "model.safetensors")
        try:
            return load(path, model=case.model(seed=7))
        except StorageError as error:
            demand(
                False,
                f"the saved model cannot be loaded ({error}): the structure of a layer may depend on the spec and the "
                "settings only, never on the weights, and skeleton_group() has to build the same as compress_group()",
            )
            raise AssertionError from error


def check_plan_survives_json(method: Method, case: Case) -> None:
    """The plan written as JSON and read again is the same plan."""
    made = case.plan(method)
    again = Plan.from_json(json.loads(json.dumps(made.to_json())))
    demand(again == made, f"the plan comes back from JSON as another one: {again.method} instead of {made.method}")


def check_state_goes_from_one_model_to_another(method: Method, case: Case) -> None:
    """The state dict of one compressed model fits another, made from other weights, and makes it equal."""
    model, x = compressed(method, case), case.example()
    other = compress_case(method, case, seed=5, weights=5)
    try:
        other.load_state_dict(model.state_dict())
    except RuntimeError as error:
        demand(
            False,
            f"load_state_dict() refuses the state of a model made from other weights ({error}): the shapes of a layer "
            "may depend on the spec and the settings only",
        )
    demand(
        torch.equal(other(x), model(x)),
        "a model that was given another's state dict computes something else: register what forward() needs as "
        "parameters or buffers",
    )


def check_deepcopy_is_equal_and_apart(method: Method, case: Case) -> None:
    """A deep copy computes the same and shares no memory with the model."""
    model, x = compressed(method, case), case.example()
    twin = copy.deepcopy(model)
    demand(torch.equal(twin(x), model(x)), "the deep copy computes something else: keep no module or tensor in a list")
    mine = {tensor.data_ptr() for tensor in model.state_dict().values() if tensor.numel()}
    shared = [name for name, tensor in twin.state_dict().items() if tensor.numel() and tensor.data_ptr() in mine]
    demand(
        not shared, f"the deep copy shares {', '.join(shared)} with the model: write no __deepcopy__ that returns it"
    )
    expected = model(x)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    demand(torch.equal(model(x), expected), "changing the deep copy changes the model: they share a tensor")


def check_shared_parameters_stay_shared(method: Method, case: Case) -> None:
    """A parameter that several layers share stays one `Parameter` when built anew, copied, converted and loaded."""
    model = compress_case(method, case)
    expected = _sharing(model)
    if not expected:
        raise NotApplicable("no two layers share a parameter with these settings")
    skeleton = case.model(seed=7)
    rebuild(skeleton, case.plan(method))
    ways = {"skeleton_group()": skeleton, "deepcopy": copy.deepcopy(model), "load": saved_and_loaded(model, case)}
    ways["double()"] = model.double()
    for way, found in ways.items():
        demand(
            _sharing(found) == expected,
            f"after {way} the parameters shared are {_sharing(found)} and not {expected}: let the layers hold the very "
            "same Parameter, in skeleton_group() too",
        )


def _sharing(model: nn.Module) -> set[tuple[str, ...]]:
    """Return the names under which each parameter is known that several modules hold."""
    names: dict[int, list[str]] = defaultdict(list)
    for module_name, module in model.named_modules():
        for name, parameter in module.named_parameters(module_name, recurse=False):
            names[id(parameter)].append(name)
    return {tuple(known) for known in names.values() if len(known) > 1}


def check_same_seed_same_result(method: Method, case: Case) -> None:
    """All that is random depends on the seed, and nothing on the state of torch's global generator."""
    states = []
    for global_seed in (1, 2):
        torch.default_generator.manual_seed(global_seed)
        states.append(compress_case(method, case, seed=3).state_dict())
    changed = [name for name in states[0] if not torch.equal(states[0][name], states[1][name])]
    demand(
        not changed,
        f"compressing twice with one seed gives other values in {', '.join(changed)}: draw random numbers from the "
        "generator that is passed in, and set every element of a new layer",
    )
