"""Functions that test_process.py has run in processes of their own, each ending in another way."""

import os
import signal
import sys
import time


def count(emit, upto):
    for number in range(upto):
        emit("number", number)


def report_process(emit):
    emit("pid", os.getpid())
    emit("torch", "torch" in sys.modules)
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    emit("interrupts", f"{'blocked' if blocked else 'let through'} and {'ignored' if ignored else 'answered'}")


def raise_error(emit):
    print("about to fail")
    emit("stage", "failing")
    raise ZeroDivisionError("nothing left to divide")


def sleep(emit, seconds):
    emit("pid", os.getpid())
    time.sleep(seconds)


def wait_then_work(emit, waiting, working):
    emit("waiting", True)
    time.sleep(waiting)
    emit("waiting", False)
    emit("stage", "working")
    time.sleep(working)


def allocate(emit, size):
    block = bytearray(size)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)


def fail_to_allocate(emit):
    import torch

    torch.empty(1 << 55, dtype=torch.uint8)


def leave(emit, code):
    os._exit(code)


def crash(emit):
    os.kill(os.getpid(), signal.SIGSEGV)


def start_another(emit):
    import subprocess

    child = subprocess.Popen(["sleep", "60"])
    emit("child", child.pid)
    time.sleep(60)


def execute_and_tell(emit, trial, key):
    from decompbench.bench.running.run_trial import execute

    emit("pid", os.getpid())
    execute(emit, trial, key)


def train_together(emit, path):
    """Train a small network as one of several processes, or alone, in several ways; emit the weights of each."""
    import torch
    from torch import nn

    from decompbench.bench.suite.recipe import Recipe
    from decompbench.bench.tasks import create_task
    from decompbench.bench.training.callbacks import Callbacks
    from decompbench.bench.training.checkpoint import Checkpoint
    from decompbench.bench.training.hooks import Hooks
    from decompbench.bench.training.train import Diverged, train

    torch.set_num_threads(1)
    task = create_task("classification", "fashion-mnist-10k").validation_split(0.98)
    fields = {"epochs": 2, "batch_size": 50, "optimizer": "momentum", "clip_grad": 1.0}

    class Decay(Hooks):
        def __init__(self, model):
            self.weight = model[1].weight

        def penalty(self):
            return 0.01 * self.weight.square().sum()

    def run(callbacks=Callbacks(), checkpoint=None, **changes):  # noqa: B008
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.Tanh(), nn.Linear(16, 10))
        recipe = Recipe(**fields | changes)
        result = train(model, task, recipe, hooks=Decay(model), callbacks=callbacks, checkpoint=checkpoint)
        return {name: tensor.tolist() for name, tensor in model.state_dict().items()}, result.history

    def end_it(epoch, step, total, loss):
        if step == 6:
            raise ZeroDivisionError

    emit("plain", run())
    emit("parts, average", run(accumulate=2, ema={"decay": 0.5}))
    checkpoint = Checkpoint(path, "key", seconds=0)
    try:
        run(callbacks=Callbacks(on_step=end_it), checkpoint=checkpoint)
    except ZeroDivisionError:
        emit("again", run(checkpoint=checkpoint))
    try:
        run(lr=1e30, epochs=20)
    except Diverged as error:
        emit("diverged", (error.epoch > 0, error.loss == error.loss))


def train_indices_together(emit, clusters):
    """Train a network with shared filters as one of several processes; emit its type of index and its weights."""
    import torch

    from decompbench.bench.suite.recipe import Recipe
    from decompbench.bench.tasks import create_task
    from decompbench.bench.training.train import train
    from decompbench.methods import begin, get_method, plan
    from decompbench.models import load_model

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = load_model("resnet8", in_chans=1, num_classes=10)
    task = create_task("classification", "fashion-mnist-10k").validation_split(0.99)
    session = begin(model, plan(model, get_method("kmeans", clusters=clusters), torch.zeros(1, 1, 28, 28)), seed=0)
    index = {name: buffer for name, buffer in session.model.named_buffers() if name.endswith(".index")}
    before = [buffer.tolist() for buffer in index.values()]
    result = train(session.model, task, Recipe(epochs=1, batch_size=50), hooks=session)
    emit("types", sorted({str(buffer.dtype) for buffer in index.values()}))
    emit("indices are kept", before == [buffer.tolist() for buffer in index.values()])
    emit("loss", result.history[0]["loss"])


def fail_in_second(emit):
    import torch

    emit("rank", torch.distributed.get_rank())
    if torch.distributed.get_rank() == 1:
        raise KeyError("of the second")
    torch.distributed.barrier()


def end_alone(emit, path):
    """Start two processes that wait, until the test kills this one."""
    from decompbench.bench.base.devices import run_on_devices

    run_on_devices(emit, 2, "cpu", "process_functions:wait_together")


def wait_together(emit):
    import torch

    pids = [None, None]
    torch.distributed.all_gather_object(pids, os.getpid())
    emit("pids", pids)
    time.sleep(120)
