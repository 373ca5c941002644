"""What a suite's entry is about: convolutions, or linear layers, too; and the identity of its trials."""

import pytest

from decompbench.bench.base.errors import SuiteError
from decompbench.bench.planning.preview import preview
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ..factories import suite_content, write_suite


def trials_of(folder, **entry):
    content = suite_content()
    content["entries"][0] |= entry
    return expand(load_suite(str(write_suite(folder, content))))


def planned(trials):
    found = []
    preview(lambda _, one: found.append(one), trials)
    return found


def test_it_is_in_the_identity_of_every_row_unless_it_is_the_default(tmp_path):
    plain, same, other = (
        trials_of(tmp_path, **entry)
        for entry in ({}, {"layers": "conv", "split": {}}, {"layers": "conv+linear", "split": {"*.qkv": 3}})
    )
    assert [trial.asked() for trial in plain] == [trial.asked() for trial in same]
    assert all("layers" not in trial.asked() and "split" not in trial.asked() for trial in plain)
    assert [(trial.asked()["layers"], trial.asked()["split"]) for trial in other] == [("conv+linear", {"*.qkv": 3})] * 3
    assert [trial.name for trial in plain] == [trial.name for trial in other]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"layers": "linear"}, "entries.0..layers"),
        ({"split": {"*.qkv": 3}}, "set layers: conv.linear"),
        ({"layers": "conv+linear", "split": {"*.qkv": "three"}}, "entries.0..split"),
    ],
)
def test_mistakes_are_named(tmp_path, entry, message):
    with pytest.raises(SuiteError, match=message):
        trials_of(tmp_path, **entry)


def test_a_pattern_that_splits_nothing_is_told_before_anything_runs(tmp_path):
    with pytest.raises(SuiteError, match="matches no linear layer"):
        planned(trials_of(tmp_path, layers="conv+linear", split={"*.qkv": 3}))


def test_all_rows_share_one_denominator(tmp_path):
    conv = planned(trials_of(tmp_path))
    both = planned(trials_of(tmp_path, layers="conv+linear"))
    head = 64 * 10
    assert {one.size.dense_weights + head for one in conv} == {one.size.dense_weights for one in both}
    for one in (*conv, *both):
        assert one.size.dense_linear_weights == one.size.linear_weights == head  # the classifier is left alone
    assert all(one.size.budget_ratio <= 0.5 for one in both[1:])


def test_the_classifier_can_be_asked_for(tmp_path):
    methods = [{"name": "svd", "select": {"skip_classifier": False}}]
    one = planned(trials_of(tmp_path, layers="conv+linear", methods=methods))[-1]
    assert one.size.linear_weights < 64 * 10
