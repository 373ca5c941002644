"""Ranks within a cell: points by size alone, intervals over seeds, and methods that lack a point, with the reason."""

import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from decompbench.bench.base.errors import BenchError
from decompbench.bench.records.find import latest
from decompbench.bench.records.record import Failure
from decompbench.bench.reports.ranking import average_ranks, parse_budget, rank_cells
from decompbench.bench.reports.ranking.tables import ranking_tables

from ...factories import latency
from .factories import GOOD, good, record, replaced

P30 = parse_budget("params=30%")


def ranked(ranking):
    return {row.point.method: row.rank for row in ranking.rows}


def reasons(ranking):
    return {lacking.method: lacking.reason for lacking in ranking.lacking}


def test_ranks_are_by_mean_quality_and_the_dense_row_has_none(made):
    (ranking,) = rank_cells(made(good), P30)
    assert ranked(ranking) == {"tucker2": 1, "svd": 2, "basis": 3}
    assert [row.standing for row in ranking.rows] == ["leader", "worse", "worse"]
    assert ranking.cell.dense.mean == pytest.approx(90.1)
    assert (ranking.lacking, ranking.cell.metric.name) == ((), "top1")
    assert {row.point.budget for row in ranking.rows} == {"params=30%"}


def test_intervals_are_student_s(made):
    (ranking,) = rank_cells(made(good), P30)
    low, high = ranking.rows[0].interval
    expected = stats.t.interval(0.95, 2, loc=85.1, scale=stats.sem([85.0, 85.1, 85.2]))
    assert (low, high) == pytest.approx(expected)
    low, high = ranking.rows[1].difference
    test = stats.ttest_ind([80.0, 80.1, 80.2], [85.0, 85.1, 85.2], equal_var=False).confidence_interval(0.95)
    assert (low, high) == pytest.approx((test.low, test.high))
    (wider,) = rank_cells(made(good), P30, alpha=0.01)
    assert wider.rows[0].interval[0] < ranking.rows[0].interval[0]


def test_a_single_seed_leaves_significance_unknown(made):
    (ranking,) = rank_cells(made(good, seeds=[0]), P30)
    assert [row.standing for row in ranking.rows] == ["leader", "unknown", "unknown"]
    assert {row.interval for row in ranking.rows} == {None}


def test_methods_within_the_seeds_spread_are_not_told_apart(made):
    wide = {"dense": 90.0, "svd": 80.0, "tucker2": 80.5, "basis": 80.4}
    (ranking,) = rank_cells(made(lambda trial: wide[trial.method.name] + 5 * trial.seed), P30)
    assert [row.standing for row in ranking.rows] == ["leader", "not told apart", "not told apart"]


def test_equal_means_share_the_average_rank(made):
    (ranking,) = rank_cells(made(lambda trial: 70.0 if trial.method.name == "basis" else 80.0), P30)
    assert ranked(ranking) == {"svd": 1.5, "tucker2": 1.5, "basis": 3}


def test_where_less_is_better_ranks_and_differences_turn_round(made):
    records = made(good)
    less = [one.measured.model_copy(update={"higher_is_better": False}) for one in records]
    records = [one.model_copy(update={"measured": own}) for one, own in zip(records, less, strict=True)]
    (ranking,) = rank_cells(records, P30)
    assert ranked(ranking) == {"basis": 1, "svd": 2, "tucker2": 3}
    assert [row.standing for row in ranking.rows] == ["leader", "worse", "worse"]
    assert all(row.difference[1] < 0 for row in ranking.rows[1:])
    assert ranking.hypervolumes == {}


@pytest.mark.parametrize(("share", "has"), [(0.33, True), (0.331, False), (0.27, True), (0.269, False), (0.3, True)])
def test_a_point_stands_for_the_budget_within_a_tenth_of_it(made, share, has):
    (ranking,) = rank_cells(made(good, lambda trial: share, methods=["svd"], budgets=[0.3]), P30)
    assert bool(ranking.rows) == has
    if not has:
        assert reasons(ranking) == {"svd": f"out of reach: the nearest point has {100 * share:.3g} %"}


def test_the_nearest_point_counts_however_good_the_others_are(made):
    """Two points within the tolerance, the farther one much better: size alone chooses."""
    shares = {0.3: 0.29, 0.31: 0.32}
    records = made(
        lambda trial: 99.0 if trial.budget and trial.budget.params == 0.31 else 50.0 + trial.seed,
        lambda trial: shares[trial.budget.params],
        budgets=list(shares),
    )
    (ranking,) = rank_cells(records, P30)
    assert {row.point.budget for row in ranking.rows} == {"params=30%"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(qualities=st.lists(st.floats(0, 100), min_size=6, max_size=6))
def test_no_quality_changes_which_point_is_chosen(made, qualities):
    shares = {0.27: 0.28, 0.3: 0.31, 0.5: 0.32}
    values = iter(qualities * 3)
    records = made(
        lambda trial: next(values), lambda trial: shares[trial.budget.params], budgets=list(shares), seeds=[0]
    )
    (ranking,) = rank_cells(records, P30)
    assert {row.point.budget for row in ranking.rows} == {"params=30%"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_records_does_not_matter(made, data):
    records = made(good, models=["resnet8", "resnet14"])
    other = data.draw(st.permutations(records))
    assert rank_cells(other, P30) == rank_cells(records, P30)


def test_a_method_that_failed_at_the_budget_is_lacking_even_with_a_point_near_by(made):
    records = made(good, budgets=[0.3, 0.32])
    failure = Failure(type="ValueError", message="no\nroom", stage="training")
    bad = replaced(
        records,
        lambda trial: trial.method.name == "tucker2" and trial.budget.params == 0.3,
        status="oom",
        failure=failure,
    )
    (ranking,) = rank_cells(bad, P30)
    assert ranked(ranking) == {"svd": 1, "basis": 2}
    assert reasons(ranking) == {"tucker2": "oom: no room"}


def test_reasons_for_lacking(made):
    records = made(good, budgets=[0.3], models=["resnet8", "resnet14"])
    rest = [one for one in records if not (one.trial.method.name == "svd" and one.trial.model == "resnet14")]
    diverged = replaced(
        rest, lambda trial: trial.method.name == "basis" and trial.model == "resnet14", status="diverged"
    )
    first, second = rank_cells(diverged, P30)
    assert (first.cell.model, reasons(first)) == ("resnet14", {"basis": "diverged", "svd": "not run"})
    assert reasons(second) == {}
    half = rank_cells(records, parse_budget("params=50%"))
    assert reasons(half[0])["svd"] == "not run: the nearest point has 30 %"


def test_survivors_have_no_rank_and_are_on_no_front(made):
    """The one seed of tucker2 that did not diverge would lead; dense, of which one failed, says so."""
    records = replaced(made(good), lambda trial: trial.method.name == "tucker2" and trial.seed < 2, status="diverged")
    records = replaced(records, lambda trial: trial.is_dense and trial.seed == 2, status="failed")
    (ranking,) = rank_cells(records, P30)
    assert ranked(ranking) == {"svd": 1, "basis": 2}
    assert reasons(ranking) == {"tucker2": "2 of 3 seeds diverged"}
    assert [point.method for point in ranking.front] == ["svd", "dense"]
    assert set(ranking.hypervolumes) == {"svd", "basis"}
    average = average_ranks([ranking])
    assert average.lacking == {"tucker2": 0}
    (table, _) = ranking_tables([ranking], average, 0.1, 0.05)
    (seeds,) = (column.cells for column in table.columns if column.heading == "seeds")
    assert seeds == ["2 of 3", "3", "3", ""]
    assert table.footnotes == ["1 of 3 seeds failed"]


def test_a_metric_that_is_not_finite_is_no_quality(made):
    records = made(lambda trial: None if trial.method.name == "svd" else good(trial))
    (ranking,) = rank_cells(records, P30)
    assert reasons(ranking) == {"svd": "without a finite metric"}


def test_a_superseded_record_does_not_rank(made):
    """The same trial run again: the older one's quality would have led."""
    old = made(lambda trial: 99.0 if trial.method.name == "basis" else good(trial))
    (ranking,) = rank_cells(latest([*old, *made(good)]), P30)
    assert ranked(ranking) == {"tucker2": 1, "svd": 2, "basis": 3}


def test_machines_are_cells_of_their_own_unless_pooled(made):
    records = made(good, seeds=[0, 1])
    elsewhere = [one.model_copy(update={"machine": "other"}) for one in made(good, seeds=[1, 2])]
    both = [*records, *elsewhere]
    assert [ranking.cell.machines for ranking in rank_cells(both, P30)] == [("machine (cpu)",), ("other (cpu)",)]
    (pooled,) = rank_cells(both, P30, pool_machines=True)
    assert pooled.cell.machines == ("machine (cpu)", "other (cpu)")
    assert sorted(pooled.rows[0].point.quality) == [0, 1, 2]  # seed 1 counts once
    with pytest.raises(BenchError, match="never mixed"):
        rank_cells(both, parse_budget("latency=50%"), pool_machines=True)
    assert any("not independent" in note for note in average_ranks(rank_cells(both, P30)).notes)


def test_of_pooled_records_of_a_trial_an_ok_one_counts_and_of_these_the_newest(made):
    def elsewhere(machine, started, value, **changes):
        return [
            one.model_copy(update={"machine": machine, "started": started} | changes)
            for one in made(lambda trial: good(trial) + value)
        ]

    records = [
        *elsewhere("a", "2025-01-03T00:00:00+00:00", 0, status="failed"),
        *elsewhere("b", "2025-01-02T00:00:00+00:00", 2),
        *elsewhere("c", "2025-01-01T00:00:00+00:00", 1),
        *elsewhere("d", "2025-01-04T00:00:00+00:00", 0, status="timeout"),
    ]
    for order in itertools.permutations(range(4)):
        mixed = [record for place in order for record in records[place * len(records) // 4 :][: len(records) // 4]]
        (pooled,) = rank_cells(mixed, P30, pool_machines=True)
        assert pooled.lacking == ()
        assert pooled.rows[0].point.quality == pytest.approx({0: 87.0, 1: 87.1, 2: 87.2})
        assert pooled.cell.dense.failure == ""


def test_latency_is_a_budget_by_batch_size(made):
    records = made(good)
    assert ranked(rank_cells(records, parse_budget("latency=50%"))[0]) == {"tucker2": 1, "svd": 2, "basis": 3}
    (ranking,) = rank_cells(records, parse_budget("latency_b8=25%"))
    assert len(ranking.rows) == 3
    (ranking,) = rank_cells(records, parse_budget("latency_b2=25%"))
    assert reasons(ranking)["svd"] == "no latency_b2 known"


def test_all_methods_of_a_cell_are_ranked_at_one_batch_size(made):
    """Without its b1 timing tucker2 is never held against the others' b1 by its own b8, which would fit the budget."""
    records = []
    for one in made(good):
        timed = [latency(0.5), latency(0.5) | {"batch_size": 8}]
        changes = {"latency": timed[1:] if one.trial.method.name == "tucker2" else timed}
        measured = type(one.measured).model_validate(one.measured.model_dump() | changes)
        records.append(one.model_copy(update={"measured": measured}))
    (ranking,) = rank_cells(records, parse_budget("latency=50%"))
    assert ranked(ranking) == {"svd": 1, "basis": 2}
    assert reasons(ranking) == {"tucker2": "no latency_b1 known"}
    (table, _) = ranking_tables([ranking], average_ranks([ranking]), 0.1, 0.05)
    assert "latency_b1=50% within 10 %" in table.title
    without_dense = [one for one in records if not one.trial.is_dense]
    assert reasons(rank_cells(without_dense, parse_budget("latency=50%"))[0]) == {"tucker2": "no latency_b1 known"}


def test_what_spoils_a_latency_is_told_where_it_chooses(made):
    records = [one if one.trial.is_dense else record(one.trial, good(one.trial), 0.3, load=1.5) for one in made(good)]
    (ranking,) = rank_cells(records, parse_budget("latency=50%"))
    assert {row.point.notes for row in ranking.rows} == {("timed while other processes kept up to 2 cores busy",)}
    (ranking,) = rank_cells(records, P30)
    assert {row.point.notes for row in ranking.rows} == {()}


def test_averages_are_over_the_methods_that_all_cells_have(made):
    records = made(good, models=["resnet8", "resnet14", "resnet20"])
    some = [one for one in records if not (one.trial.method.name == "tucker2" and one.trial.model == "resnet14")]
    average = average_ranks(rank_cells(some, P30))
    assert average.ranks == {"svd": 1.0, "basis": 2.0}  # ranked anew: svd is second where tucker2 is there
    assert average.lacking == {"tucker2": 2}
    assert average.cells == 3
    whole = average_ranks(rank_cells(records, P30))
    assert whole.ranks == {"tucker2": 1.0, "svd": 2.0, "basis": 3.0}
    assert whole.friedman.f == math.inf


def test_a_method_that_no_cell_has_is_listed_too(made):
    records = made(good, lambda trial: 0.9 if trial.method.name == "svd" else 0.3)
    assert average_ranks(rank_cells(records, P30)).lacking == {"svd": 0}


def test_the_same_model_and_data_in_two_suites_are_told_not_to_be_independent(made):
    def moved(records, suite):
        return [one.model_copy(update={"trial": one.trial.model_copy(update={"suite": suite})}) for one in records]

    one, two = made(good), made(good, models=["resnet14"])
    said = "suites that share model and data are several cells here, which are not independent: resnet8 on "
    average = average_ranks(rank_cells([*one, *two, *moved(one, "other")], P30))
    assert average.cells == 3
    assert [note for note in average.notes if "independent" in note] == [f"{said}{one[0].trial.data}"]
    average = average_ranks(rank_cells([*one, *moved(two, "other")], P30))
    assert not [note for note in average.notes if "independent" in note]


def test_cells_without_any_point_do_not_count_and_are_told(made):
    records = made(good, lambda trial: 0.3 if trial.model == "resnet8" else 0.7, models=["resnet8", "resnet14"])
    average = average_ranks(rank_cells(records, P30))
    assert average.cells == 1
    assert average.notes[0] == "1 of 2 cells have no method at this budget and do not count"


def test_other_metrics_and_none(made):
    records = [
        record(one.trial, 80.0, 0.3 if not one.trial.is_dense else 1.0, also_shown={"top1[v2]": "%"})
        for one in made(good)
    ]
    with pytest.raises(BenchError, match=r"no metric 'top2'.*did you mean.*there is top1, top1\[v2\]"):
        rank_cells(records, P30, metric="top2")
    with pytest.raises(BenchError, match="no quality"):
        rank_cells([one.model_copy(update={"measured": type(one.measured)()}) for one in records], P30)


@pytest.mark.parametrize("options", [{"tolerance": -0.1}, {"tolerance": 1.0}, {"alpha": 0.0}, {"alpha": 1.5}])
def test_bad_options_are_errors(made, options):
    with pytest.raises(BenchError, match="must be"):
        rank_cells(made(good), P30, **options)


def test_front_and_hypervolume_of_a_cell(made):
    """resnet8 on Fashion-MNIST: ten classes, so guessing has 10 %."""
    (ranking,) = rank_cells(
        made(lambda trial: GOOD[trial.method.name], budgets=[0.25, 0.5]), parse_budget("params=0.25")
    )
    assert [(point.method, point.cost) for point in ranking.front] == [("tucker2", 0.25), ("dense", 1.0)]
    assert (ranking.reference.quality, "10 classes" in ranking.reference.reason) == (10.0, True)
    # the same quality at a quarter as at a half: two halvings, at 70 of the dense model's 80 above guessing
    assert ranking.hypervolumes == pytest.approx({"tucker2": 2 * 75 / 80, "svd": 2 * 70 / 80, "basis": 2 * 60 / 80})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30%", "must be like params=30%"),
        ("parms=30%", "unknown measure 'parms' (did you mean 'params'?)"),
        ("params=30", "at most 100 % of the dense model; 30 % is 30% or 0.3"),
        ("params=0", "above 0"),
        ("params_b8=0.3", "only a latency has a batch size"),
        ("params=1e", "is no number"),
        ("params=--", "is no number"),
    ],
)
def test_a_bad_budget_is_told(text, said):
    with pytest.raises(BenchError) as error:
        parse_budget(text)
    assert said in str(error.value)


def test_budgets_are_read_and_written():
    for text, name in {
        "params=30%": "params=30%",
        "macs=0.5": "macs=50%",
        "latency_b8=120%": "latency_b8=120%",
    }.items():
        assert str(parse_budget(text)) == name
