"""Outputs averaged over images and their mirror images."""

import json

import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from tests.support.command import Command
from trainer.metrics import tta
from trainer.metrics.evaluator import Evaluator
from trainer.metrics.tta import averaged_over_flips


class LeftHalf(nn.Cell):
    """Scores of two classes: the brightness of the left half, and of the right one."""

    def construct(self, images: Tensor) -> Tensor:
        """Return [N, 2]."""
        return ops.stack((images[..., :2].mean((1, 2, 3)), images[..., 2:].mean((1, 2, 3))), 1)


IMAGES = np.arange(2 * 1 * 3 * 4, dtype=np.float32).reshape(2, 1, 3, 4)


def test_an_output_is_the_mean_over_both() -> None:
    model = LeftHalf()
    one, other = (model(Tensor(x)).asnumpy() for x in (IMAGES, IMAGES[..., ::-1].copy()))
    assert not np.allclose(one, other)
    averaged = averaged_over_flips(model)(Tensor(IMAGES)).asnumpy()
    np.testing.assert_array_equal(averaged, (one + other) / 2)


def test_several_outputs_are_averaged_each() -> None:
    averaged = averaged_over_flips(lambda images: (images, images + 1))(Tensor(IMAGES))
    mean = (IMAGES + IMAGES[..., ::-1]) / 2
    np.testing.assert_array_equal(averaged[0].asnumpy(), mean)
    np.testing.assert_array_equal(averaged[1].asnumpy(), mean + 1)


def test_an_evaluator_averages_where_it_is_asked_to() -> None:
    evaluator = Evaluator(LeftHalf(), nn.CrossEntropyLoss())
    batches = [(Tensor(IMAGES), Tensor(np.zeros(2, np.int32)))]
    assert evaluator(batches).accuracy == 0.0
    averaged = evaluator(batches, tta="hflip")
    assert averaged.loss == pytest.approx(np.log(2))  # both halves are equal in the mean


@pytest.mark.parametrize(
    ("shape", "label", "is_wrong"),
    [
        ((2, 3, 8, 8), (2,), False),
        ((2, 3, 8, 8), (2, 5), False),
        ((2, 64), (2,), True),
        ((2, 3, 8, 8), (2, 8, 8), True),
    ],
)
def test_only_images_with_one_label_each_can_be_averaged(
    shape: tuple[int, ...], label: tuple[int, ...], is_wrong: bool
) -> None:
    batch = [Tensor(np.zeros(size, np.float32)) for size in (shape, label)]
    assert tta.problems(None, batch) == []
    texts = tta.problems("hflip", batch)
    assert [text.startswith("evaluation.tta=hflip: expected images") for text in texts] == (
        [True] if is_wrong else []
    )


def test_a_run_is_evaluated_with_it_and_stores_no_features(command: Command) -> None:
    lines = ("freeze=[conv1,conv2]", "epochs=1", "limit_train_batches=2")
    losses = []
    for words in ((), ("evaluation.tta=hflip",)):
        ended = command.train(*lines, *words, f"hydra.run.dir=run{len(words)}")
        assert ended.code == 0, ended.err
        records = (command.folder / f"run{len(words)}" / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["validation_loss"] for line in records])
    assert losses[0] != losses[1]
    measured = command.evaluate("run1")
    assert f"{losses[1][-1]:.6g}" in measured.out
    refused = command.train(*lines, "evaluation.tta=hflip", "features=store")
    assert refused.code == 2
    assert "evaluation.tta=hflip also needs" in refused.err
