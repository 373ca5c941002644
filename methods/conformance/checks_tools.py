"""Checks of tools: a finished model can be deployed, traced, compiled and exported."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

from ..contract.method import Method
from ..lifecycle.deploy import deploy
from ..lifecycle.inference.forms import WrongFormWarning
from .compressing import Case, as_decomposed, compressed
from .failure import ConformanceFailure, demand, demand_same


def check_deployed_model_computes_the_same(method: Method, case: Case) -> None:
    """Deployment changes outputs by no more than rounding, leaves the model alone, and its result has no gradients."""
    model, x = compressed(method, case), case.example()
    before = copy.deepcopy(model.state_dict())
    for forms in ("fastest", "compact"):
        wrong = f"deploy(forms={forms!r}) changes what is computed: all forms() have to equal the layer"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", WrongFormWarning)
                deployed = deploy(model, x, forms=forms)
        except WrongFormWarning as warning:
            raise ConformanceFailure(f"{wrong} ({warning})") from None
        for inputs in _inputs(x):
            demand_same(deployed(inputs), model(inputs), wrong)
        demand(
            not any(parameter.requires_grad for parameter in deployed.parameters()),
            f"deploy(forms={forms!r}) leaves parameters with gradients: return modules from forms(), not functions",
        )
    demand(
        all(torch.equal(before[name], value) for name, value in model.state_dict().items()),
        "deploy() changes the model it is given: compact() and forms() have to build new modules, not change the layer",
    )


def _inputs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return an input, and another of its shape at another scale: what was made for the one has to serve the other."""
    return x, 10 * x.flip(-1) + 1


def check_traces_symbolically(method: Method, case: Case) -> None:
    """`torch.fx` can trace the layers, which folding batch-norm needs, and the trace computes the same."""
    model, x = compressed(method, case), case.example()
    try:
        traced = torch.fx.symbolic_trace(model)
    except Exception as error:  # tracing fails in as many ways as there are forwards
        raise ConformanceFailure(
            f"torch.fx cannot trace the layer ({type(error).__name__}: {error}): decide in __init__ what forward() "
            "decides by looking at its input"
        ) from error
    for inputs in _inputs(x):
        demand_same(
            traced(inputs),
            model(inputs),
            "the symbolic trace computes something else: forward() may not depend on values",
        )


def check_compiles_in_one_graph(method: Method, case: Case) -> None:
    """`torch.compile` takes forward and backward pass without a graph break, and they compute the same."""
    model, x = as_decomposed(method, case.model().train(), case), case.example()
    expected = _gradients(copy.deepcopy(model), x)
    torch.compiler.reset()  # what was compiled before counts towards the limit of recompilations
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
            output = compiled(x)
            output.square().mean().backward()
    except Exception as error:
        raise ConformanceFailure(
            f"torch.compile(fullgraph=True) fails ({type(error).__name__}: {_first_line(error)}): use tensor "
            "operations in forward(), no .item(), no printing, no branching on values"
        ) from error
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    demand(found.keys() == expected.keys(), "compiled, other parameters get gradients than without")
    for name, gradient in found.items():
        demand_same(gradient, expected[name], f"compiled, the gradient of {name} is another one")


def _gradients(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    model(x).square().mean().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def check_deployed_model_exports(method: Method, case: Case) -> None:
    """`torch.export` takes the deployed model, and the exported program computes the same."""
    x = case.example()
    deployed = deploy(compressed(method, case), x)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(deployed, (x,)).module()
    except Exception as error:
        raise ConformanceFailure(
            f"torch.export fails on the deployed model ({type(error).__name__}: {_first_line(error)}): let forms() "
            "return modules of plain tensor operations"
        ) from error
    for inputs in _inputs(x):
        demand_same(exported(inputs), deployed(inputs), "the exported model computes something else")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
