"""Latency of a compressed model beside the dense one, both deployed alike, as a record has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...methods import deploy
from ..records.timing import Latency, MemoryUse
from .counters import count_macs
from .forms import dtype_of, layout_of, require
from .intervals import CONFIDENCE
from .latency import Comparison, compare
from .memory import PeakMemory

MODEL, DENSE = "model", "dense"


def time_deployed(
    model: nn.Module, dense: nn.Module, example: Tensor, *, form: str, seconds: float, half_width: float
) -> tuple[Latency, nn.Module]:
    """Deploy two models for an input and time them in turn.

    Parameters
    ----------
    model, dense : Module
        Finished, in eval mode, on the example's device; their memory format is changed to the form's.
    example : Tensor
        ``(b, c, h, w)``; its first size is the batch size that is timed.
    form : str
        How both models are run as a whole, see `forms.check_form`. Each layer has the layer form that is fastest when
        run eagerly, in the same memory format and precision.
    seconds, half_width : float
        See `latency.compare`. The choice of layer forms comes on top.

    Returns
    -------
    Latency
        All samples and their summary.
    Module
        The deployed model.

    Raises
    ------
    FormError
        One of them cannot be run in that form.
    """
    require(form, example.device.type)
    layout = layout_of(form)
    example = example.to(memory_format=layout)
    deployed = deploy(model.to(memory_format=layout), example, dtype=dtype_of(form))  # pyright: ignore[reportCallIssue]
    deployed_dense = deploy(dense.to(memory_format=layout), example)  # pyright: ignore[reportCallIssue]
    memory, dense_memory = (memory_of(one, example) for one in (deployed, deployed_dense))
    pair = {MODEL: deployed, DENSE: deployed_dense}
    compared = compare(pair, example, form=form, baseline=DENSE, seconds=seconds, half_width=half_width)
    layer_forms = dict(getattr(deployed, "decompbench_forms", {}))
    latency = Latency(
        batch_size=example.shape[0],
        form=form,
        device=torch.cuda.get_device_name(example.device) if example.is_cuda else "cpu",
        forms=layer_forms,
        macs=count_macs(deployed, example[:1])[0],
        folded=getattr(deployed, "decompbench_folded", False),
        dense_folded=getattr(deployed_dense, "decompbench_folded", False),
        memory=memory,
        dense_memory=dense_memory,
        **summarise(compared),
    )
    return latency, deployed


def memory_of(model: nn.Module, example: Tensor) -> MemoryUse | None:
    """Return the memory that a call takes, run eagerly; libraries have set themselves up in one before."""
    with torch.inference_mode():
        model(example)
        peak = PeakMemory(example.device)
        model(example)
        return peak.use()


def summarise(compared: Comparison) -> dict[str, Any]:
    """Return the fields of a `Latency` that a comparison of ``model`` and ``dense`` gives; times in ms."""
    model, dense = compared.timings[MODEL], compared.timings[DENSE]
    ratio, conditions = compared.ratio(MODEL), compared.conditions
    fields: dict[str, Any] = {}
    for prefix, timing in (("", model), ("dense_", dense)):
        rounds = 1000 * timing.samples.mean(1)
        fields |= {
            f"{prefix}calls": timing.calls,
            f"{prefix}milliseconds": (1000 * timing.samples).ravel().tolist(),
            f"{prefix}median": 1000 * timing.median.value,
            f"{prefix}median_interval": (1000 * timing.median.low, 1000 * timing.median.high),
            f"{prefix}quartiles": tuple(np.quantile(rounds, [0.25, 0.75]).tolist()),
        }
    return fields | {
        "samples_per_round": model.samples.shape[1],
        "ratio": ratio.value,
        "ratio_interval": (ratio.low, ratio.high),
        "confidence": CONFIDENCE,
        "ended": compared.ended,
        "warm": compared.warm,
        "threads": compared.threads,
        "other_load": conditions.other_load,
        "steal": conditions.steal,
        "mhz": conditions.mhz,
        "throttled": conditions.throttled,
        "noise": conditions.noise,
        "cores": compared.cores,
    }
