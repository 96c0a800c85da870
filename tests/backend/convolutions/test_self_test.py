"""The self-test notices what is wrong, with the convolutions that this process has."""

import mindspore as ms
import numpy as np
import pytest

from trainer.backend.convolutions import batch_norm_reference, native_library, reference, self_test
from trainer.backend.convolutions.native_library import Counts
from trainer.backend.convolutions.reference import Array, Convolution


@pytest.mark.parametrize("shape", self_test.CASES, ids=lambda shape: shape.name)
def test_mindspore_agrees_with_numpy(shape: Convolution) -> None:
    assert self_test._wrong(shape) == ""


@pytest.mark.parametrize("size", self_test.BATCH_NORM_CASES)
def test_mindspore_agrees_with_numpy_about_batch_norm(size: tuple[int, ...]) -> None:
    assert self_test._wrong_batch_norm(size) == ""


def test_a_wrong_batch_norm_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = batch_norm_reference.forward
    monkeypatch.setattr(batch_norm_reference, "forward", lambda *given: right(*given) + 0.01)
    assert "BatchNorm differs by" in self_test._wrong_batch_norm((4, 32, 7, 7))


def test_a_wrong_gradient_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(shape: Convolution, x: Array, weight: Array, dy: Array) -> tuple[Array, Array, Array]:
        dx, dw, db = right(shape, x, weight, dy)
        return dx, dw + 1e-3 * np.abs(dw).max(), db

    right = reference.gradients
    monkeypatch.setattr(reference, "gradients", wrong)
    assert "3x3 differs by 1" in self_test._wrong(self_test.CASES[0])


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (Counts(5, 0, 5, 0, 0), ""),
        (Counts(0, 5, 0, 0, 0), "0 executions"),
        (Counts(5, 0, 4, 1, 0), "1 failed"),
    ],
)
def test_blocked_layouts_have_to_be_used(counts: Counts, text: str) -> None:
    why = self_test._unused(counts)
    assert text in why
    assert bool(why) is bool(text)


def test_what_keeps_them_from_being_installed_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(native_library, "install", lambda: "a slot is missing")
    monkeypatch.setattr(self_test, "CASES", ())
    monkeypatch.setattr(self_test, "BATCH_NORM_CASES", ())
    self_test.main()
    ms.set_context(mode=ms.GRAPH_MODE)
    assert capsys.readouterr().out == '{"why": "a slot is missing"}\n'
