"""Of the source that a model refers to, all counts that its graph may depend on."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trainer.backend.compile import fingerprint
from trainer.backend.compile.fingerprint import NotComparable

SOURCE = """
import math
from mindspore import nn, ops
from {helper} import twice

SCALE = 2.0

class Net(nn.Cell):
    BIAS = 1.0

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2, 2)

    def construct(self, x):
        return self.scaled(twice(self.dense(x))) * math.pi + self.BIAS

    def scaled(self, x):
        return ops.relu(x) * SCALE
"""
HELPER = """
FACTOR = 2.0

def twice(x):
    return x * FACTOR
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Write a model and a helper that it imports into separate modules, and import the model."""
    monkeypatch.syspath_prepend(tmp_path)
    names = ("fingerprinted_helper", "fingerprinted_net")

    def make(net: str = SOURCE, helper: str = HELPER) -> ModuleType:
        for name, text in zip(names, (helper, net), strict=True):
            (tmp_path / f"{name}.py").write_text(text.replace("{helper}", names[0]))
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(names[1])

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_source_counts_and_where_it_refers_to(modules: Callable[..., ModuleType]) -> None:
    before = fingerprint.of_cell(modules().Net())
    assert fingerprint.of_cell(modules().Net()) == before
    texts = [
        {"net": SOURCE.replace("math.pi", "math.e ")},
        {"net": SOURCE.replace("ops.relu", "ops.tanh")},
        {"helper": HELPER.replace("x * FACTOR", "x + FACTOR")},
    ]
    fingerprints = [fingerprint.of_cell(modules(**text).Net()) for text in texts]
    assert len({before, *fingerprints}) == 4


@pytest.mark.parametrize("name", ["SCALE", "helper", "Net.BIAS"])
def test_values_from_elsewhere_count(
    modules: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As those that a module reads from the environment when it is imported."""
    module = modules()
    before = fingerprint.of_cell(module.Net())
    if name == "helper":
        monkeypatch.setattr(sys.modules["fingerprinted_helper"], "FACTOR", 3.0)
    else:
        monkeypatch.setattr(module.Net if "." in name else module, name[-5:].strip("."), 3.0)
    assert fingerprint.of_cell(module.Net()) != before


def test_a_class_made_of_text_has_no_source(modules: Callable[..., ModuleType]) -> None:
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec(SOURCE.replace("from {helper} import twice", "def twice(x): return x"), namespace)
    with pytest.raises(NotComparable, match="no file is known that defines nowhere"):
        fingerprint.of_cell(namespace["Net"]())
