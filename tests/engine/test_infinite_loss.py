import pytest
from mindspore import Tensor, nn

from tests.support import training
from tests.support.nets import TwoConvs
from tests.support.training import changed, plan_of, train
from trainer.backend.host_copy import to_numpy
from trainer.core.errors import NotFinite


class Infinite(nn.Cell):
    """A loss that is infinite, with gradients that are not."""

    def construct(self, output: Tensor, label: Tensor) -> Tensor:
        return output.sum() + float("inf")


@pytest.mark.parametrize("fetch_every", [1, 2])
def test_an_infinite_loss_ends_the_run_and_its_step_changes_no_weight(
    fetch_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOSS", Infinite())
    net = TwoConvs()
    before = to_numpy(net)
    with pytest.raises(NotFinite, match="received inf in epoch 1, step 1;"):
        train(net, plan_of(net), fetch_every=fetch_every)
    assert not changed(before, to_numpy(net))
