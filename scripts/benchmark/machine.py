"""Describes the machine, on which the times depend."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from trainer.backend import processor

_PACKAGES = ("mindspore", "mindcv", "numpy", "torch", "lightning", "fastai")


def describe() -> str:
    """Return two lines: processor, cores and memory, then versions."""
    return f"{_hardware()}\nPython {platform.python_version()}, {_versions()}"


def _hardware() -> str:
    name = processor.model() or platform.processor() or "unknown"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{name}, {len(os.sched_getaffinity(0))} cores, AVX-512 "
        f"{'yes' if processor.has_avx512() else 'no'}, {memory:.0f} GB"
    )


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
