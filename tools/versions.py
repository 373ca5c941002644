"""Keep versions.json honest: the digest of the source that each declared version was last stated for.

python tools/versions.py                      # say which parts have changed
python tools/versions.py --write              # record new parts and those whose version was raised
python tools/versions.py --same svd training  # state that these give the same results as before their source changed
python tools/versions.py --same all
"""

from __future__ import annotations

import argparse
import json
import sys

from decompbench.bench.base.provenance.software import is_ours
from decompbench.bench.base.provenance.versions import FILE, PROTOCOLS, Part, method_part, recorded_versions, task_part
from decompbench.bench.tasks import list_tasks
from decompbench.bench.tasks.registry import task_class
from decompbench.methods import list_methods, method_class

ABOUT = (
    "Written by tools/versions.py: by part, its declared version and the digest of the source that the version was "
    "last stated for."
)


def present_parts() -> dict[str, Part]:
    """Return all parts of ours by name: protocols, ``task:NAME`` and ``method:NAME``."""
    tasks = {
        f"task:{name}": task_part(*_declared(task_class(name))) for name in list_tasks() if _ours(task_class(name))
    }
    classes = {name: method_class(name) for name in list_methods()}
    methods = {f"method:{name}": method_part(*_declared(cls)) for name, cls in classes.items() if _ours(cls)}
    return {**PROTOCOLS, **tasks, **methods}


def _declared(cls: type) -> tuple[str, int]:
    return cls.__module__, cls.version  # pyright: ignore[reportAttributeAccessIssue]


def _ours(cls: type) -> bool:
    return is_ours(cls.__module__)


def findings() -> dict[str, str]:
    """Return what is wrong with each part that is not as recorded, by its name."""
    found: dict[str, str] = {}
    recorded, present = recorded_versions(), present_parts()
    for name, part in present.items():
        known = recorded.get(name)
        if known is None:
            found[name] = "is new"
        elif part.version < int(known["version"]):
            found[name] = f"has version {part.version}, lower than the recorded {known['version']}"
        elif part.version > int(known["version"]):
            found[name] = f"has version {part.version} now"
        elif part.digest != known["digest"]:
            found[name] = (
                f"has another source than version {part.version} was declared for: raise its version if results "
                "change, or state that they are the same by 'python tools/versions.py --same "
                f"{name.rpartition(':')[2]}'"
            )
    return found | {name: "is gone" for name in recorded.keys() - present.keys()}


def write(same: set[str]) -> list[str]:
    """Record parts that are new, gone or of a raised version, and those named; return what is still wrong."""
    recorded, present = recorded_versions(), present_parts()
    found, parts, wrong = findings(), {}, []
    for name, part in sorted(present.items()):
        known = recorded.get(name)
        if known is None or part.version > int(known["version"]) or same & {"all", name, name.rpartition(":")[2]}:
            parts[name] = {"version": part.version, "digest": part.digest}
        else:
            parts[name] = known
            if name in found:
                wrong.append(f"{name} {found[name]}")
    FILE.write_text(json.dumps({"about": ABOUT, "parts": parts}, indent=1) + "\n", encoding="utf-8")
    recorded_versions.cache_clear()
    return wrong


def main() -> int:
    """Run the command line and return the exit code: 1 where something is left to decide."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="record new parts and raised versions")
    parser.add_argument("--same", nargs="+", metavar="PART", default=[], help="parts whose results are the same")
    options = parser.parse_args()
    if options.write or options.same:
        wrong = write(set(options.same))
    else:
        wrong = [f"{name} {what}" for name, what in findings().items()]
    print("\n".join(wrong) or "all parts are as recorded", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
