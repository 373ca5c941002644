"""Context that pytest-benchmark writes beside the times: machine, versions, and how busy the machine was."""

from __future__ import annotations

import os

import torch
from tracked.work import BUDGET, THREADS

from decompbench.bench.base.machine import describe_machine
from decompbench.bench.base.provenance.software import code_revision

LOAD_BEFORE = os.getloadavg()[0]


def pytest_benchmark_update_machine_info(config, machine_info):
    machine = describe_machine()
    machine_info.clear()  # it has the host's name
    machine_info.update(machine=machine["id"], cores=machine["usable_cores"], torch=torch.__version__, threads=THREADS)


def pytest_benchmark_update_json(config, benchmarks, output_json):
    output_json["revision"] = code_revision()
    output_json["budget"] = str(BUDGET)
    output_json["load"] = {"before": LOAD_BEFORE, "after": os.getloadavg()[0]}
