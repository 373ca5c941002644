"""Sums over a plan's layers: they must be what the record says of the plan, and what was counted on the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ....methods.contract.cost import Cost
from ...records.record import Counts, Record


def check_sums(record: Record, path: Path) -> Iterator[str]:
    """Yield where plan, planned sizes and counts of a record disagree."""
    measured = record.measured
    if measured.plan is None:
        return
    try:
        before, after, dense_macs, macs = _totals(measured.plan)
        layers, compressed = _layers(measured.plan)
    except (KeyError, TypeError) as error:
        yield f"measured.plan is not one: {type(error).__name__}: {error}"
        return
    if (planned := measured.planned) is not None:
        sums: dict[str, float] = {
            "weights": after.weights,
            "dense_weights": before.weights,
            "macs": macs,
            "dense_macs": dense_macs,
            "bits": after.bits,
            "dense_bits": before.bits,
            "layers": layers,
            "compressed_layers": compressed,
        }
        if (budget := record.trial.budget) is not None:
            ((count, _),) = budget.as_dict().items()
            sums["budget_ratio"] = after.count(count) / max(1, before.count(count))
        yield from _differences(planned, "measured.planned", sums)
    for name, cost, total in (("counts", after, macs), ("dense_counts", before, dense_macs)):
        counts: Counts | None = getattr(measured, name)
        if counts is not None:
            of_linear = record.trial.layers == "conv+linear"
            names = ("conv_fc_weights", "conv_fc_bits") if of_linear else ("conv_weights", "bits")
            counted: dict[str, float] = dict(zip(names, (cost.weights, cost.bits), strict=True))
            counted |= {"macs": total, "macs_formula": total, "macs_torch": total}
            yield from _differences(counts, f"measured.{name}", counted)


def _totals(plan: dict[str, Any]) -> tuple[Cost, Cost, int, int]:
    """Return the cost of all convolutions before and after, and the MACs of the whole model before and after."""
    before, after = (Cost.total(Cost(**layer[when]) for layer in plan["layers"]) for when in ("before", "after"))
    shared = Cost.total(Cost(**group["shared"]) for group in plan["groups"])
    after += shared
    linear = plan["linear_macs"]
    linear_after = plan.get("linear_macs_after")
    return before, after, before.macs + linear, after.macs + (linear if linear_after is None else linear_after)


def _layers(plan: dict[str, Any]) -> tuple[int, int]:
    return len(plan["layers"]), sum(layer["group"] is not None for layer in plan["layers"])


def _differences(part: Any, place: str, sums: Mapping[str, float]) -> Iterator[str]:
    for name, value in sums.items():
        if getattr(part, name) != value:
            yield f"{place}.{name} is {getattr(part, name)}, by the plan's layers {value}"
