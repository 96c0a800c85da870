"""PyTorch files: checkpoints, read by PyTorch itself but without running code from them."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.checkpoint.pretrained import torch_states
from trainer.core.errors import ConfigError

if TYPE_CHECKING:
    from trainer.core.tensors import Weights

_SAFE = (2, 6)  # before that, weights_only=True could be bypassed (CVE-2025-32434)


def read(path: Path, key: str | None = None) -> "tuple[Weights, list[str]]":
    """Return the weights of a checkpoint (``.pth``, ``.pt``, ``.bin``), and notes on it.

    Args:
        path: the file.
        key: which of its states is read; see ``torch_states.select``.

    Raises:
        ConfigError: PyTorch is not installed; or the file is no checkpoint, is damaged, holds no
            weights, or requires that code from it is run, which the message names.
    """
    tensors, notes = torch_states.select(_load(path), path, key)
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


def _array(tensor: Any) -> NDArray[np.generic]:
    wide = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
    return np.array(wide.detach().contiguous().numpy())
