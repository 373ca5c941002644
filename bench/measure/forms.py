"""Forms: how a deployed model is run as a whole, such as eager, channels last, compiled, or by ONNX Runtime.

The algebraic alternatives of a single layer are its *layer forms*; `methods.deploy` chooses among them.
"""

from __future__ import annotations

import copy
import importlib.util
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..suite.form_name import EAGER, FormError, check_form
from .timers import Call

#: What the form ``onnx`` needs installed.
ONNX = ("onnx", "onnxscript", "onnxruntime")
COMPILE = "compile"
#: Models of one class that can be compiled beside each other.
MOST_COMPILED = 64
#: Calls before a CUDA graph is captured: libraries choose their algorithms and reserve memory in the first ones.
CALLS_BEFORE_CAPTURE = 3


def dtype_of(form: str) -> torch.dtype | None:
    """Return the precision that a form converts models to; None where it leaves them as they are."""
    return torch.bfloat16 if "bf16" in form.split("+") else None


def layout_of(form: str) -> torch.memory_format:
    """Return the memory format of a form's weights and input."""
    return torch.channels_last if "channels_last" in check_form(form).split("+") else torch.contiguous_format


def require(form: str, device: str) -> None:
    """Raise a FormError where a form does not exist, or cannot be run on a device (``cpu``, ``cuda``) here."""
    parts = check_form(form).split("+")
    if "compile" in parts and device == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
        raise FormError("form 'compile' needs a C++ compiler on the CPU: none (g++, clang++) is found")
    if "cudagraph" in parts and device == "cpu":
        raise FormError("form 'cudagraph' is for GPUs")
    if "onnx" in parts and device != "cpu":
        raise FormError("form 'onnx' is measured on the CPU only")
    missing = [name for name in ONNX if importlib.util.find_spec(name) is None] if "onnx" in parts else []
    if missing:
        raise FormError(f"form 'onnx' needs {', '.join(missing)}: pip install 'decompbench[onnx]'")


def forget_compiled() -> None:
    """Have torch forget all compiled models, which count towards its limit of recompilations, and raise that limit.

    To be called before several models are prepared, not between: what is forgotten is compiled anew when it is called.
    """
    torch.compiler.reset()
    config: Any = torch._dynamo.config  # pyright: ignore[reportAttributeAccessIssue]
    config.recompile_limit = max(config.recompile_limit, MOST_COMPILED)


def prepare(model: nn.Module, example: Tensor, form: str = EAGER) -> Call:
    """Return a call without arguments that runs a model on an example in a form.

    Parameters
    ----------
    model : Module
        Deployed, in eval mode, on the example's device; it is not changed.
    example : Tensor
        ``(b, c, h, w)`` float32.
    form : str
        See `check_form`.

    Returns
    -------
    callable
        Each call returns the model's output; all of them compute the same. To be called in ``torch.inference_mode``.

    Raises
    ------
    FormError
        The form cannot be made: something is not installed, or the model cannot be exported, compiled or captured.
    """
    require(form, example.device.type)
    try:
        call = _prepared(model, example, check_form(form).split("+"))
        with torch.inference_mode():
            call()
    except FormError:
        raise
    except Exception as error:  # a model may be unfit for a form in as many ways as there are models
        raise FormError(f"form '{form}': {_first_line(error)}") from error
    return call


def _prepared(model: nn.Module, example: Tensor, parts: list[str]) -> Call:
    if "onnx" in parts:
        return _onnx(model, example)
    if "channels_last" in parts or "bf16" in parts:
        model = copy.deepcopy(model)
    if "channels_last" in parts:
        layout = torch.channels_last
        model, example = _to(model, memory_format=layout), example.to(memory_format=layout)
    if "bf16" in parts:
        model, example = _to(model, dtype=torch.bfloat16), example.to(torch.bfloat16)
    if "compile" in parts:
        return _compiled(model, example)
    if "cudagraph" in parts:
        return _captured(model, example)
    return lambda: model(example)


def _to(model: nn.Module, **what: Any) -> nn.Module:
    return model.to(**what)


def _compiled(model: nn.Module, example: Tensor) -> Call:
    compiled: Callable[..., object] = torch.compile(model, dynamic=False)  # pyright: ignore[reportAssignmentType]
    return lambda: compiled(example)


def _captured(model: nn.Module, example: Tensor) -> Call:
    stream, graph = torch.cuda.Stream(example.device), torch.cuda.CUDAGraph()
    with torch.inference_mode():
        stream.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(stream):
            for _ in range(CALLS_BEFORE_CAPTURE):
                model(example)
        torch.cuda.current_stream(example.device).wait_stream(stream)
        with torch.cuda.graph(graph):
            output = model(example)

    def replay() -> object:
        graph.replay()
        return output

    return replay


def _onnx(model: nn.Module, example: Tensor) -> Call:
    import onnxruntime  # pyright: ignore[reportMissingImports] (an extra)

    program = torch.onnx.export(model, (example,), dynamo=True, verbose=False)
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    # threads that wait by spinning would take the cores from the model whose turn it is
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {session.get_inputs()[0].name: example.contiguous().numpy()}
    return lambda: session.run(None, inputs)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"
