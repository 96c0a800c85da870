"""PyTorch's checkpoints where PyTorch is missing or broken, and what its errors become."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.checkpoint.pretrained import torch_files
from trainer.core.errors import ConfigError


def without(name: str) -> Callable[..., Any]:
    """An import of PyTorch that fails because a module is missing."""
    import_ = builtins.__import__

    def imported(module: str, *arguments: Any, **keywords: Any) -> Any:
        if module == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return import_(module, *arguments, **keywords)

    return imported


def test_a_missing_pytorch_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", without("torch"))
    with pytest.raises(ConfigError, match=r"expected PyTorch, to read .*w\.pth.*trainer\[torch\]"):
        torch_files._load(tmp_path / "w.pth")


def test_a_module_that_pytorch_itself_lacks_is_not_called_pytorch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", without("sympy"))
    with pytest.raises(ModuleNotFoundError, match="sympy"):
        torch_files._load(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("this is a TorchScript archive", "is a TorchScript archive, which is code"),
        (
            "Unsupported global: GLOBAL os.system was not",
            "was refused: to read it, os.system would have to",
        ),
        (
            "first\nPytorchStreamReader failed  \nsee the documentation of torch.load\n \n",
            "is not a complete PyTorch checkpoint (PytorchStreamReader failed)",
        ),
        ("", "is not a complete PyTorch checkpoint (RuntimeError)"),
        ("x" * 300, f"is not a complete PyTorch checkpoint ({'x' * 200})"),
    ],
)
def test_an_error_of_pytorchs_becomes_one_line(text: str, said: str) -> None:
    assert torch_files._refusal(RuntimeError(text)).startswith(said)
