"""Contenders: what trains the same nets, and why one may have to be left out."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmark.case import NETS, Case

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINER = {"trainer": "off", "store": "store", "auto": "auto"}  # contender: its `features`
TITLES = {
    "trainer": "this trainer",
    "store": "this trainer, features=store",
    "auto": "this trainer, features=auto",
    "hand": "MindSpore by hand, tuned",
    "native": "MindSpore Model.train",
    "eager": "PyTorch eager",
    "compile": "PyTorch torch.compile",
    "lightning": "Lightning BaseFinetuning",
    "fastai": "fastai Learner.freeze",
}
LOOPS = {
    "hand": ("mindspore_loops", "hand"),
    "native": ("mindspore_loops", "native"),
    "eager": ("pytorch_loops", "train"),
    "compile": ("pytorch_loops", "train"),
    "lightning": ("lightning_loop", "train"),
    "fastai": ("fastai_loop", "train"),
}
_PACKAGES = {
    "eager": ["torch"],
    "compile": ["torch"],
    "lightning": ["torch", "lightning"],
    "fastai": ["torch", "fastai"],
}


def features(contender: str, folder: Path) -> list[str]:
    """Return the overrides by which the trainer stores features, or does not."""
    choice = TRAINER[contender]
    if choice == "off":
        return ["features=off"] if _has_store() else []
    return [f"features={choice}", f"features.folder='{folder}'"]


def missing(case: Case) -> str:
    """Return why a case cannot be measured here; empty: it can."""
    packages = list(_PACKAGES.get(case.contender, ()))
    if "model=mindcv" in NETS[case.task.net].model and case.contender not in _PACKAGES:
        packages.append("mindcv")
    if gaps := [name for name in packages if find_spec(name) is None]:
        return f"{' and '.join(gaps)} not installed"
    if case.contender == "compile" and shutil.which(os.environ.get("CXX", "g++")) is None:
        return "torch.compile needs a C++ compiler, found none"
    if case.contender in ("store", "auto") and not _has_store():
        return "this trainer has no feature store"
    return ""


def _has_store() -> bool:
    return (ROOT / "conf/features").is_dir()
