"""Sharing groups: layers that share a tensor, by block, by stage, all of them, or by a pattern over their paths."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import require
from ..spec import ConvSpec


def require_sharing(sharing: str, setting: str, alone: str = "none") -> None:
    """Raise `SettingError` unless ``sharing`` is one of the four words or a regular expression.

    Parameters
    ----------
    sharing
        The value.
    setting
        ``"method: field"``, for the message.
    alone
        The word by which the method calls sharing nothing.
    """
    try:
        re.compile(sharing)
    except re.error as error:
        require(False, f"{setting} is {alone}, block, group, network or a regular expression: {error}")


def sharing_groups(specs: Sequence[ConvSpec], sharing: str, setting: str, alone: str = "none") -> list[list[ConvSpec]]:
    """Partition layers into those that share something. Only layers of one kernel size share.

    Parameters
    ----------
    specs
        The layers.
    sharing
        ``alone``: nothing is shared; ``"block"``: by the convs of one module; ``"group"``: by the blocks of one
        stage; ``"network"``: by all; or a regular expression whose match in a layer's path names its group. A layer
        it does not match is alone.
    setting, alone
        As for `require_sharing`.

    Raises
    ------
    SettingError
        If ``sharing`` is a regular expression that matches none of the layers: most likely a misspelt word.
    """
    pattern = sharing not in (alone, "block", "group", "network")
    require(
        not pattern or not specs or any(re.search(sharing, spec.path) for spec in specs),
        f"{setting} {sharing!r} is none of {alone}, block, group and network, "
        "and as a regular expression it matches no layer",
    )
    groups: dict[object, list[ConvSpec]] = {}
    for spec in specs:
        groups.setdefault((_key(spec.path, sharing, alone), spec.kernel_size), []).append(spec)
    return list(groups.values())


def _key(path: str, sharing: str, alone: str) -> str:
    parents = path.split(".")[:-1]
    if sharing == alone:
        return path
    if sharing == "block":
        return ".".join(parents)
    if sharing == "group":
        return ".".join(parents[:-1])
    if sharing == "network":
        return ""
    found = re.search(sharing, path)
    return found.group() if found else path
