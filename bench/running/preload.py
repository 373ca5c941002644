"""The imports of the fork server: made once, so that the processes it starts need not make them.

Importing must not start threads or touch a GPU: neither survives a fork.
"""

import warnings

with warnings.catch_warnings():
    # Libraries warn about each other while they are imported; the server writes to the user's terminal.
    warnings.simplefilter("ignore")
    import fvcore.nn
    import scipy.stats
    import timm
    import torch
    import torchvision

    from ..tasks import list_tasks
    from . import preflight

    list_tasks()

__all__ = ["fvcore", "preflight", "scipy", "timm", "torch", "torchvision"]
