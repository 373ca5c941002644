"""Hints for wrong names: what is near, and the words around it."""

from __future__ import annotations

import pytest

from decompbench.common.names import did_you_mean, either, nearest, suggestion

KNOWN = ("svd", "tucker2", "kmeans", "spatial-svd", "resnet14", "resnet18", "resnet20", "resnet8")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tuker2", ["tucker2"]),
        ("svdd", ["svd"]),
        ("zzz", []),
        ("", []),
        ("resnet1", ["resnet18", "resnet14", "resnet8"]),  # three at the most, the nearest first
    ],
)
def test_the_nearest_names(name: str, near: list[str]) -> None:
    assert nearest(name, KNOWN) == near


def test_known_names_may_come_from_a_generator() -> None:
    assert did_you_mean("b", (name for name in "cba")) == "did you mean 'b'?"


@pytest.mark.parametrize(("names", "words"), [("a", "'a'"), ("ab", "'a' or 'b'"), ("abc", "'a', 'b' or 'c'")])
def test_a_choice_in_words(names: str, words: str) -> None:
    assert either(names) == words


def test_a_suggestion_stands_behind_the_wrong_name_or_is_nothing() -> None:
    assert f"no method 'svdd'{suggestion('svdd', KNOWN)}" == "no method 'svdd' (did you mean 'svd'?)"
    assert suggestion("zzz", KNOWN) == ""


def test_without_a_near_name_all_are_listed() -> None:
    assert did_you_mean("svdd", KNOWN) == "did you mean 'svd'?"
    assert did_you_mean("zzz", ("tt", "cp")) == "known: cp, tt"
