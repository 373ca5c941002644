"""Conformance of our own methods: every promise is kept, on the suite's convolutions and beyond them."""

import itertools
import unittest

import pytest
from hypothesis import given, settings

from decompbench.methods import Method, get_method, list_methods
from decompbench.methods.conformance import ConvCase, check_method, conformance_checks, conv_cases
from decompbench.methods.conformance import runner as runner_module
from decompbench.methods.conformance.cases import few_conv_cases
from decompbench.methods.conformance.covering import covering

from .strategies import conv_shapes

# settings that build other layers, share, learn, or look at weights or activations where the defaults do not
VARIANTS = [
    ("basis", {"sharing": "group", "gamma": 0.1}),
    ("basis", {"sharing": "group", "sliced": True}),
    ("basis", {"between": "bn-relu"}),
    ("basis", {"sharing": "group", "refit": "ridge"}),
    ("factor", {"norm": "both", "window": 4}),
    ("fsnet", {"init": "random"}),
    ("fsnet", {"weight_bits": 8}),
    ("group", {"degree": 3}),
    ("group", {"refit": "ridge"}),
    ("kmeans", {"clusters": 20, "codebook": "layer"}),
    ("kmeans", {"clusters": 20, "symmetry": "D4", "scale_bits": 8}),
    ("spatial-svd", {"refit": "ridge"}),
    ("tucker2", {"learn": "arp"}),
    ("tucker2", {"learn": "lc", "groups": 4, "coefficients": "identity"}),
    ("tucker2", {"learn": "nuclear"}),
    ("tucker2", {"learn": "lc", "ranks_from": "training", "groups_pointwise": 2}),
    ("tucker2", {"choose": "energy"}),
    ("tucker2", {"coefficients": "identity"}),
    ("tucker2", {"coefficients": "identity", "groups": 2, "refit": "whitened-ridge"}),
]
# few sweeps: what they are promised to keep does not depend on how far alternating least squares goes
SETTINGS = {"cp": {"sweeps": 2}, "kmeans": {"max_iter": 20}}


def default(name: str) -> Method:
    return get_method(name, **SETTINGS.get(name, {}))


CHECKS = [check for name in list_methods() for check in conformance_checks(default(name))]
CHECKS += [check for name, changed in VARIANTS for check in conformance_checks(get_method(name, **changed), quick=True)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.method}-{check}")
def test_conforms(check):
    check()


CHEAP = (
    "check_skips_have_a_reason",
    "check_cost_of_a_layer_alone_is_that_of_its_group",
    "check_stored_weights_are_as_promised",
    "check_macs_are_as_promised",
    "check_cost_never_falls_as_the_knob_rises",
    "check_output_has_the_shape_of_the_convolutions",
    "check_dense_weight_is_the_operator",
    "check_forms_agree",
    "check_full_size_gives_the_convolution_back",
    "check_saved_model_is_bit_equal",
    "check_traces_symbolically",
    "check_zero_weights_stay_zero",
)


@pytest.mark.parametrize("name", list_methods())
@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(case=conv_shapes())
def test_conforms_beyond_the_list(name: str, case: ConvCase):
    for function, _ in runner_module.CHECKS:
        if function.__name__ in CHEAP:
            result = runner_module.Check(default(name), function, (lambda: (case,),)).run()
            assert not result.failures, result.failures[0]


# -- the suite itself -------------------------------------------------------------------------------------------------


def test_every_pair_of_values_meets_where_it_can():
    combinations = [c for c in itertools.product("ab", "cde", "fg") if c[:2] != ("a", "c")]
    chosen = covering(combinations, strength=2)

    def pairs(of):
        return {pair for one in of for pair in itertools.combinations(enumerate(one), 2)}

    assert pairs(chosen) == pairs(combinations)
    assert len(chosen) < len(combinations)
    assert {value for one in covering(combinations, strength=1) for value in one} == set("abcdefg")


VALUES = {
    "kernel_size": {(1, 1), (3, 3), (5, 5), (7, 7), (1, 7), (7, 1)},
    "stride": {1, 2, (2, 1)},
    "padding": {0, 1, (2, 1), "same", "valid"},
    "dilation": {1, 2},
    "groups": {1, 4, 6, 7},
    "padding_mode": {"zeros", "reflect", "replicate", "circular"},
    "bias": {True, False},
}


@pytest.mark.parametrize("cases", [conv_cases, few_conv_cases])
@pytest.mark.parametrize("field", VALUES)
def test_every_value_appears(cases, field):
    found = {getattr(case, field) for case in cases()}
    assert VALUES[field] - found <= {6}  # one depthwise convolution will do for the short list
    assert found <= VALUES[field]


def test_values_appear_in_what_a_method_for_plain_3x3_kernels_compresses():
    cases = [c for c in conv_cases() if c.kernel_size == (3, 3) and c.groups == 1 and not c.transposed]
    for field in VALUES.keys() - {"kernel_size", "groups"}:
        assert {getattr(case, field) for case in cases} == VALUES[field]
    strided = {(case.stride, case.padding_mode) for case in cases}
    assert strided == set(itertools.product(VALUES["stride"], VALUES["padding_mode"]))
    channels = {(case.in_channels, case.out_channels) for case in cases}
    assert {(1, 6), (6, 1), (7, 13)} <= channels


def test_the_cases_are_convolutions_that_torch_takes():
    for case in conv_cases():
        assert case.conv()(case.example()).numel() > 0
    assert len(set(conv_cases())) == len(conv_cases())


def test_a_promise_that_applies_nowhere_is_skipped_with_the_reasons():
    (check,) = [one for one in conformance_checks(get_method("dense")) if str(one) == "check_forms_agree"]
    with pytest.raises(unittest.SkipTest, match="dense keeps every layer"):
        check()
    assert check.run().outcome == "skipped"


def test_a_report_has_a_line_for_each_check_and_reasons_in_short():
    told = []
    report = check_method(get_method("dense"), quick=True, on_check=lambda *progress: told.append(progress))
    assert report.ok
    assert len(report.results) == len(str(report).splitlines()) - 1 == len(told)
    assert told[-1][1:] == (len(told), len(told))
    assert "skipped: dense keeps every layer (14)" in str(report)
    assert {check["outcome"] for check in report.to_json()["checks"]} == {"passed", "skipped"}


def test_what_a_method_cannot_be_at_full_size_it_says():
    assert isinstance(get_method("svd").at_full(), Method)
    assert "overlap" in get_method("fsnet").at_full().reason
    assert get_method("factor").at_full().reason == "architectural: nothing is approximated"
    assert get_method("basis", size=3).at_full().size is None
