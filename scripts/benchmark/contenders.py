"""The contenders, which train the same models, and why one may be missing."""

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from scripts.benchmark import from_files, loading, modes, recipe
from scripts.benchmark.case import NETS, Case

BEFORE = "before"  # the trainer of another checkout
TRAINER = {  # value of `features` by contender
    **{"trainer": "off", "store": "store", "auto": "auto"},
    **{"cold": "off", "warm": "off", "snapshots": "off", BEFORE: "off"},
    **dict.fromkeys([*recipe.OVERRIDES, *modes.OVERRIDES, from_files.TRAINER], "off"),
}
TITLES = {
    "trainer": "this trainer",
    "store": "this trainer, features=store",
    "auto": "this trainer, features=auto",
    "cold": "this trainer, compile cache empty",
    "warm": "this trainer, compile cache filled",
    "snapshots": "this trainer, one snapshot per epoch",
    BEFORE: "the trainer of --against",
    "hand": "MindSpore, hand-written loop",
    "native": "MindSpore Model.train",
    "eager": "PyTorch eager",
    "compile": "PyTorch torch.compile",
    "lightning": "Lightning BaseFinetuning",
    "fastai": "fastai Learner.freeze",
    **recipe.TITLES,
    **modes.TITLES,
    **loading.TITLES,
    **from_files.TITLES,
}
LOOPS = {
    "hand": ("mindspore_loops", "hand"),
    "native": ("mindspore_loops", "native"),
    "eager": ("pytorch_loops", "train"),
    "compile": ("pytorch_loops", "train"),
    "lightning": ("lightning_loop", "train"),
    "fastai": ("fastai_loop", "train"),
    **{f"eager_{name}": ("pytorch_recipe", "train") for name in recipe.OVERRIDES},
    "eager_files": ("pytorch_loops", "train"),
    "loader": ("loaders", "trainer"),
    "torchvision": ("loaders", "torchvision"),
    "mindspore_dataset": ("loaders", "mindspore_dataset"),
}
_PACKAGES = {
    "eager": ["torch"],
    "compile": ["torch"],
    "lightning": ["torch", "lightning"],
    "fastai": ["torch", "fastai"],
    **{f"eager_{name}": ["torch"] for name in recipe.OVERRIDES},
    "eager_files": ["torch", "torchvision"],
    "torchvision": ["torch", "torchvision"],
}
IMPORT_TORCHVISION = "lightning", "fastai", "torchvision", "eager_files"


def features(contender: str, folder: Path) -> list[str]:
    """Return the overrides that determine whether the trainer stores features."""
    return [f"features={TRAINER[contender]}", f"features.folder='{folder}'"]


def graphs(contender: str, folder: Path) -> list[str]:
    """Return the overrides that determine whether the trainer caches compiled graphs."""
    if contender not in ("cold", "warm"):
        return ["compile_cache.use=false"]
    if contender == "cold":
        shutil.rmtree(folder, ignore_errors=True)
    return [f"compile_cache.folder='{folder}'"]


def snapshots(contender: str) -> list[str]:
    """Return the override that determines whether the trainer saves a snapshot per epoch."""
    return [f"snapshot.keep={'all' if contender == 'snapshots' else 'off'}"]


def need_pytorch(contenders: Iterable[str]) -> list[str]:
    """Return those of the contenders that need PyTorch, if it is not installed."""
    if find_spec("torch") is not None:
        return []
    return [name for name in contenders if "torch" in _PACKAGES.get(name, ())]


def missing(case: Case) -> str:
    """Return why a case cannot be measured on this machine; empty: it can."""
    packages = list(_PACKAGES.get(case.contender, ()))
    if "model=mindcv" in NETS[case.task.net].model and case.contender not in _PACKAGES:
        packages.append("mindcv")
    if absent := [name for name in packages if find_spec(name) is None]:
        return f"{' and '.join(absent)} not installed"
    if case.contender == "compile" and shutil.which(os.environ.get("CXX", "g++")) is None:
        return "torch.compile needs a C++ compiler, and there is none"
    return ""
