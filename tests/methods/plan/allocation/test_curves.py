"""Curves of error over cost: what a method says it loses is what its layers lose."""

import pytest
import torch

from decompbench.methods import (
    CP,
    SVD,
    TT,
    Basis,
    FSNet,
    Group,
    KMeans,
    SpatialSVD,
    Tucker2,
    get_method,
    list_methods,
    trace,
)

from ...cases import small_net

EXAMPLE = torch.zeros(1, 3, 12, 12)
EVERY = [
    (SVD(), 1e-9),
    (SpatialSVD(), 1e-9),
    (Basis(), 1e-9),
    (Basis(split=2), 1e-9),
    (Basis(sharing="group"), 1e-9),
    (Basis(sharing="network"), 1e-9),
    (Basis(sliced=True, sharing="group"), 1e-9),
    (Group(), 1e-9),
    (Group(groups=2), 1e-9),
    (Tucker2(), 1e-9),
    (Tucker2(groups=2), 1e-9),
    (Tucker2(groups=1, groups_pointwise=4), 1e-9),
    (Tucker2(coefficients="identity"), 1e-9),
    (KMeans(codebook="layer", max_iter=5), 1e-9),
    (FSNet(), 1e-9),
    (CP(sweeps=1), 1e-9),
    # several truncations in turn, and sweeps that improve on them
    (TT(), None),
    (Tucker2(hooi=2), None),
]


def groups_of(net, method):
    specs = [spec for spec in trace(net, EXAMPLE).specs if not hasattr(method.layer_cost(spec), "reason")]
    for group in method.share(specs):
        yield {spec.path: net.get_submodule(spec.path) for spec in group}, group


def values_of(method):
    knob = method.budget_knob()
    if knob.choices:
        return list(knob.choices)
    return [1, 2, 3, 8] if knob.integer else [1e-6, 0.1, 0.3, 0.7, 1.0]


@pytest.mark.parametrize(("method", "tolerance"), EVERY, ids=lambda value: str(value) if value else "")
def test_a_curve_is_what_the_layers_lose(method, tolerance):
    net = small_net()
    for convs, group in groups_of(net, method):
        values = values_of(method)
        told = method.error_curve(convs, group, values)
        lost = [method.sized(value).weight_error(convs, group) for value in values]
        norm = sum(conv.weight.square().sum().item() for conv in convs.values())
        if tolerance is None:  # a bound
            assert all(bound >= error - 1e-7 * norm for bound, error in zip(told, lost, strict=True))
            assert max(told) <= 3 * norm
        else:
            # layers are built in single precision
            assert told == pytest.approx(lost, rel=1e-5, abs=1e-9 * norm)


@pytest.mark.parametrize("name", list_methods())
def test_every_method_with_a_weight_gives_a_curve(name):
    method = get_method(name)
    if method.kind != "weight-space":
        return
    settings = {"sweeps": 1} if name == "cp" else {"max_iter": 3} if name == "kmeans" else {}
    method = method.with_settings(**settings)
    convs, group = next(iter(groups_of(small_net(), method)))
    errors = method.error_curve(convs, group, values_of(method)[-2:])
    assert all(error >= 0 for error in errors)


def test_truncated_matrices_do_not_depend_on_the_knob():
    net = small_net()
    for method in (SVD(), SpatialSVD(), Basis(sharing="group"), TT(), Tucker2(groups=2), Group(groups=2)):
        for convs, group in groups_of(net, method):
            low, high = (method.sized(value) for value in values_of(method)[1:3])
            pairs = zip(low.truncations(convs, group), high.truncations(convs, group), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)
            assert len(low.truncation_ranks(group)) == len(low.truncations(convs, group))
            assert all(a <= b for a, b in zip(low.truncation_ranks(group), high.truncation_ranks(group), strict=True))
