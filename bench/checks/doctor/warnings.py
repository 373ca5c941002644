"""Warnings: the findings of a report that would spoil timings or results."""

from __future__ import annotations

from .report import DoctorReport

#: Half of the interval of two equal models' ratio above which small differences will not be seen.
WIDE = 0.03
#: What this process itself holds on a GPU beside torch's memory is less than this.
OWN_CONTEXT = 2**30
LITTLE_MEMORY = 2 * 2**30


def warnings_of(report: DoctorReport) -> list[str]:
    """Return what would spoil timings or results, each with what to do about it."""
    return [*_of_the_processor(report), *_of_the_probe(report), *_of_the_rest(report)]


def _of_the_processor(report: DoctorReport) -> list[str]:
    machine, system, found = report.machine, report.system, []
    threads = report.torch["threads"]
    if machine["physical_cores"] and machine["physical_cores"] < threads <= machine["usable_cores"]:
        found.append(
            f"{threads} threads on {machine['physical_cores']} physical cores get in each other's way: "
            f"set OMP_NUM_THREADS={machine['physical_cores']}"
        )
    if threads > machine["usable_cores"]:
        found.append(f"{threads} threads share {machine['usable_cores']} usable cores: set OMP_NUM_THREADS to that")
    if system["governor"] not in (None, "performance"):
        found.append(
            f"the frequency governor is '{system['governor']}', the clock follows the load: set it to 'performance'"
        )
    if system["quota_cores"] is not None and system["quota_cores"] < machine["usable_cores"]:
        found.append(
            f"a quota allows {system['quota_cores']:g} of {machine['usable_cores']} cores' time, and stops all threads "
            "when it is spent: use as many threads as it has cores, or lift it"
        )
    if system["on_battery"]:
        found.append("the machine runs on its battery, which slows it down: plug it in")
    if not report.torch["mkldnn"]:
        found.append("this torch has no oneDNN: convolutions on the CPU are slow and unlike those of other builds")
    if "ATEN_CPU_CAPABILITY" in report.environment:
        found.append("ATEN_CPU_CAPABILITY restricts the instructions that torch uses: unset it")
    return found


def _of_the_probe(report: DoctorReport) -> list[str]:
    found = [f"timing is noisy: {text}" for text in report.probe["noise"]]
    low, high, half = (report.probe[name] for name in ("low", "high", "half_width"))
    if half > WIDE:
        found.append(
            f"the ratio of two equal models could be told no closer than ±{100 * half:.1f} % "
            f"in {report.probe['rounds']} rounds: smaller differences will not be seen"
        )
    if not low <= 1 <= high:
        found.append(f"two equal models seemed to differ: their ratio's interval is {low:.3f} to {high:.3f}")
    return found


def _of_the_rest(report: DoctorReport) -> list[str]:
    found = [] if report.identity is None else [report.identity]
    for number, gpu in enumerate(report.torch["gpus"]):
        if gpu["used_by_others"] > OWN_CONTEXT:
            used = gpu["used_by_others"] / 2**30
            found.append(f"other programs hold {used:.1f} GiB on GPU {number} ({gpu['name']}): end them")
    if "CUDA_LAUNCH_BLOCKING" in report.environment:
        found.append("CUDA_LAUNCH_BLOCKING makes every launch wait for the last one: unset it")
    if report.system["memory_available"] < LITTLE_MEMORY:
        available = report.system["memory_available"] / 2**30
        found.append(f"{available:.1f} GiB of memory are free: a trial may end for lack of it")
    if report.code is not None and report.code.endswith("-dirty"):
        found.append("the working tree has changes that are in no revision: results would name one that nobody has")
    return found
