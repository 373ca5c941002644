"""Made-up records that a page could stumble over: names that are HTML, failures, seeds, plans, published points."""

from __future__ import annotations

from decompbench.bench.records.record import Failure
from decompbench.bench.suite.load import load_suite
from decompbench.bench.suite.trial import expand

from ...factories import make_record, suite_content, write_suite

EVIL = "<script>alert(1)</script>"
PROTO = "__proto__"
QUOTED = "\"'</pre><img src=x onerror=alert(2)>&amp;"
COUNTS = (
    "conv_weights",
    "conv_fc_weights",
    "parameters",
    "state",
    "bits",
    "disk",
    "macs",
    "macs_formula",
    "macs_torch",
)


def layer(path, weights, after, group, reason=None):
    """Return a plan's layer of so many weights before and after, and ten times the MACs."""
    spec = {
        "path": path,
        "type": "Conv2d",
        "in_channels": 4,
        "out_channels": 8,
        "kernel_size": [3, 3],
        "stride": [1, 1],
        "groups": 1,
        "output_size": [8, 8],
    }
    return {"spec": spec, "before": cost(weights), "after": cost(after), "group": group, "reason": reason}


def cost(weights):
    return {"weights": weights, "macs": 10 * weights, "bits": 32 * weights, "quantised": 0}


def plan(reason="first convolution"):
    """Return a plan of four layers: one left alone, one by itself, two that share 50 weights."""
    settings = {"name": "svd", "version": 1, "settings": {"rank": 0.5, "note": QUOTED}}
    return {
        "version": 1,
        "layers": [
            layer("stem", 100, 100, None, reason),
            layer("a", 1000, 300, 0),
            layer("b", 2000, 400, 1),
            layer("c", 2000, 500, 1),
        ],
        "groups": [
            {"method": settings, "paths": ["a"], "shared": cost(0)},
            {"method": settings, "paths": ["b", "c"], "shared": cost(50)},
        ],
        "note": None,
        "target": {"params": 0.5},
    }


def measured(final, weights, metric="top1", **more):
    """Return what a finished trial measured."""
    counts = {name: weights for name in COUNTS} | {"not_counted": {}}
    history = [{"epoch": epoch, "loss": 1 / epoch, metric: final - 3 + epoch, "lr": 0.1} for epoch in (1, 2, 3)]
    return {
        "metric": metric,
        "unit": "%",
        "higher_is_better": True,
        "quality": {moment: {metric: final} for moment in ("start", "trained", "finished", "deployed")},
        "decomposition": {"at": "begin", "before": {metric: 92.0}, "after": {metric: final - 20}},
        "counts": counts,
        "dense_counts": {name: 1000 for name in COUNTS} | {"not_counted": {}},
        "training": {"epochs": 3, "steps": 30, "seconds": 12.5, "history": history},
        "plan": plan(),
    } | more


def records(folder):
    """Return made-up records of resnet56 on CIFAR-10, two seeds: dense, odd names, one that failed."""
    methods = [
        {"name": "svd", "label": EVIL},
        {"name": "svd", "label": PROTO},
        {"name": "svd", "label": QUOTED},
        {"name": "basis"},
        {"name": "tucker2"},
    ]
    entry = suite_content()["entries"][0] | {"model": "resnet56", "data": "cifar10", "methods": methods}
    trials = expand(load_suite(str(write_suite(folder, {"name": "tiny", "entries": [entry], "seeds": [0, 1]}))))
    made = []
    for trial in trials:
        place = [None, EVIL, PROTO, QUOTED, "basis", "tucker2"].index(None if trial.is_dense else trial.method.row)
        if trial.method.name == "tucker2":
            failure = Failure(type="ValueError", message=f"no {EVIL} here", stage="training", trace=QUOTED)
            made.append(make_record(trial, status="failed", metric="top1").model_copy(update={"failure": failure}))
        else:
            weights = 1000 if trial.is_dense else 500 - 4 * place
            made.append(make_record(trial, **measured(93.0 - place + 0.5 * trial.seed, weights)))
    return made
