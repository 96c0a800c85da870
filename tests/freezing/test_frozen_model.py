import pytest
from mindspore import nn

from tests.support.nets import Nested, Normed, Residual, TwoConvs
from tests.support.training import IMAGES, ROWS, changed, plan_of, rule, train
from trainer.backend.host_copy import to_numpy
from trainer.freezing.frozen_model import FrozenModel
from trainer.freezing.methods import stop_gradient

METHODS = ["requires_grad", "stop_gradient"]


def modes(net: nn.Cell) -> dict[str, bool]:
    return {name: cell.training for name, cell in net.cells_and_names() if name}


@pytest.mark.parametrize("method", METHODS)
def test_only_the_trainable_are_for_the_optimizer(method: str) -> None:
    net = TwoConvs()
    applied = FrozenModel(net, plan_of(net, rule("conv1", method=method)))
    assert [p.name for p in applied.trainable] == list(applied.plan.names("trainable"))
    assert applied.trainable == net.trainable_params()


@pytest.mark.parametrize("method", METHODS)
def test_the_frozen_part_stays_in_inference_mode(method: str) -> None:
    net = Normed()
    applied = FrozenModel(net, plan_of(net, rule("conv1", "bn1", "dropout", method=method)))
    for _ in range(2):
        net.set_train(False)
        applied.set_train()
        assert {name for name, training in modes(net).items() if not training} == {
            "conv1",
            "bn1",
            "dropout",
        }


def test_statistics_are_held_even_where_the_mode_is_undone() -> None:
    net = Normed()
    FrozenModel(net, plan_of(net, rule("conv1", "bn1")))
    net.set_train(True)
    before = to_numpy(net)
    net(IMAGES[0])
    assert changed(before, to_numpy(net)) == {"bn2.moving_mean", "bn2.moving_variance"}


@pytest.mark.parametrize("method", METHODS)
def test_undo_leaves_a_net_that_trains_in_full(method: str) -> None:
    net = Normed()
    everything = {name for name, _ in net.parameters_and_names()}
    applied = FrozenModel(net, plan_of(net, rule("conv1", "bn1", "dropout", method=method)))
    applied.undo()
    applied.undo()
    assert all(modes(net).values())
    assert net.bn1.use_batch_statistics is None
    assert train(net, plan_of(net)).moved == [everything]


def test_statistics_within_a_frozen_block_stay_still() -> None:
    net = Residual()
    plan = plan_of(net, rule("block", method="requires_grad"), batch=ROWS)
    (moved,) = train(net, plan, batches=lambda epoch: [ROWS] * 3).moved
    assert {name.partition(".")[0] for name in moved} == {"stem", "head"}


@pytest.mark.parametrize(
    ("freeze", "still"),
    [("layers", {"stem", "layers"}), ("layers.0", {"stem", "layers.0"})],
)
def test_a_cut_behind_a_list_of_cells_holds_what_is_upstream(freeze: str, still: set[str]) -> None:
    net = Nested()
    plan = plan_of(net, rule(freeze), batch=ROWS)
    (moved,) = train(net, plan, batches=lambda epoch: [ROWS] * 3).moved
    every = set(to_numpy(net))
    assert every - moved == {n for n in every if any(n.startswith(f"{s}.") for s in still)}


def test_norm_train_lets_statistics_of_the_frozen_part_move() -> None:
    net = Normed()
    (moved,) = train(net, plan_of(net, rule("conv1", "bn1", norm="train"))).moved
    assert {name for name in moved if name.startswith(("conv1", "bn1"))} == {
        "bn1.moving_mean",
        "bn1.moving_variance",
    }


def test_a_method_that_fails_leaves_the_net_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    net = Normed()
    plan = plan_of(net, rule("conv1", "bn1", method="requires_grad"), rule("conv2"))
    monkeypatch.setattr(stop_gradient, "apply", fail)
    with pytest.raises(RuntimeError):
        FrozenModel(net, plan)
    assert len(net.trainable_params()) == len(plan.parameters) - 4  # all but the statistics
    assert net.bn1.use_batch_statistics is None


@pytest.mark.parametrize("setting", [True, False, None])
def test_undo_restores_what_the_model_had_for_its_statistics(setting: bool | None) -> None:
    net = Normed()
    net.bn1.use_batch_statistics = setting
    applied = FrozenModel(net, plan_of(net, rule("conv1", "bn1")))
    assert net.bn1.use_batch_statistics is False
    applied.undo()
    assert net.bn1.use_batch_statistics is setting
