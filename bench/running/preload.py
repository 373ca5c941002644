"""The imports of the fork server: made once, so that the processes it starts need not make them.

Importing must not start threads or touch a GPU: neither survives a fork.
"""

import warnings

with warnings.catch_warnings():
    # Libraries warn about each other while they are imported; the server writes to the user's terminal.
    warnings.simplefilter("ignore")
    # what trials import where they need it, as planning needs none of it
    import accelerate
    import fvcore.nn
    import scipy.stats
    import timm
    import timm.optim
    import timm.scheduler
    import torchmetrics.functional
    import torchvision
    from skimage.metrics import structural_similarity

    from ..tasks import list_tasks
    from . import preflight, run_trial

    list_tasks()

__all__ = [
    "accelerate",
    "fvcore",
    "preflight",
    "run_trial",
    "scipy",
    "structural_similarity",
    "timm",
    "torchmetrics",
    "torchvision",
]
