"""PyTorch files: checkpoints, read by PyTorch itself but without running code from them."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.core.errors import ConfigError

if TYPE_CHECKING:
    from trainer.core.tensors import Weights

_SAFE = (2, 6)  # before that, weights_only=True could be bypassed (CVE-2025-32434)

# The keys under which training scripts store the weights, the most likely first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "weights")


def read(path: Path) -> "tuple[Weights, list[str]]":
    """Return the weights of a checkpoint (``.pth``, ``.pt``, ``.bin``), and notes on it.

    Raises:
        ConfigError: PyTorch is not installed; or the file is no checkpoint, is damaged, holds no
            weights, or requires that code from it is run, which the message names.
    """
    content, notes = _load(path), []
    while key := next((k for k in _WRAPPERS if _holds(content, k)), None):
        notes.append(f"under its key {key!r}")
        content = content[key]
    tensors = _tensors(content)
    if not tensors:
        raise ConfigError([f"init_from: {path}: {_no_weights(content)}"])
    if count := sum(str(t.dtype) == "torch.bfloat16" for t in tensors.values()):
        notes.append(f"{count} of bfloat16 widened to float32")
    try:
        return {name: _array(tensor) for name, tensor in tensors.items()}, notes
    except (TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError([f"init_from: {path} holds types that NumPy lacks: {reason}"]) from None


def _load(path: Path) -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ConfigError(
            [
                f"init_from: expected PyTorch, to read {path}; it is the extra torch: "
                "pip install 'freeze-trainer[torch]'"
            ]
        ) from None
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < _SAFE:
        raise ConfigError(
            [f"init_from: expected PyTorch 2.6 or newer, received {torch.__version__}"]
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the error holds what PyTorch warns of
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file makes it raise any exception
            raise ConfigError([f"init_from: {path} {_refusal(error)}"]) from None


def _refusal(error: Exception) -> str:
    text = str(error)
    if "TorchScript" in text:
        return "is a TorchScript archive, which is code; save its state_dict() instead"
    if match := re.search(r"GLOBAL (\S+)", text):
        return (
            f"was refused: to read it, {match[1]} would have to be run, and only tensors are read; "
            "if it is your own, save model.state_dict() instead"
        )
    lines = reversed(text.splitlines())
    reason = next((line.strip() for line in lines if _is_informative(line)), "")
    return f"is not a complete PyTorch checkpoint ({reason[:200] or type(error).__name__})"


def _is_informative(line: str) -> bool:
    return bool(line.strip()) and "documentation" not in line


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "dtype")


def _tensors(content: Any) -> dict[str, Any]:
    pairs = content.items() if isinstance(content, Mapping) else ()
    return {name: value for name, value in pairs if isinstance(name, str) and _is_tensor(value)}


def _holds(content: Any, key: str) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get(key), Mapping)


def _no_weights(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"expected tensors by name, received a {type(content).__name__}"
    return f"expected tensors by name, found {', '.join(map(repr, content)) or 'nothing'}"


def _array(tensor: Any) -> NDArray[np.generic]:
    wide = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
    return np.array(wide.detach().contiguous().numpy())
