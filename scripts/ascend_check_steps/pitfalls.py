"""The pitfalls of docs/freezing.md, each with plain MindSpore and with `trainer.freeze`; not T7."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from mindspore import nn

from scripts.ascend_check_steps.freezing_attempts import (
    IMAGES,
    MOMENTUM,
    clear_flags,
    cut,
    guard,
    moved,
    moved_of,
    plain_step,
    refused,
)
from scripts.ascend_check_steps.nets import Normed, TwoConvs, tower
from trainer import freeze

_METHODS = ("stop_gradient", "requires_grad")


@dataclass(frozen=True)
class Pitfall:
    """A pitfall.

    Attributes:
        plain: steps into it with plain MindSpore; returns what is wrong then, empty: nothing.
        guarded: does the same with the trainer; returns what is wrong then, empty: nothing.
    """

    plain: Callable[[], str]
    guarded: Callable[[], str]


def _t1() -> str:
    net = TwoConvs()
    step = plain_step(net, MOMENTUM(net.trainable_params()))
    clear_flags(net.conv1)
    return moved_of(net, step, "conv1")


def _t2() -> str:
    net = TwoConvs()
    clear_flags(net.conv1)
    return moved_of(net, plain_step(net, MOMENTUM(net.get_parameters())), "conv1")


def _t3() -> str:
    net = TwoConvs()
    net.conv1.register_forward_hook(cut)
    optimizer = MOMENTUM(net.trainable_params(), weight_decay=0.1)
    return moved_of(net, plain_step(net, optimizer), "conv1")


def _t4() -> str:
    net = Normed()
    clear_flags(net.conv1, net.bn1)
    net.bn1.set_train(False)
    return moved_of(net, plain_step(net, MOMENTUM(net.trainable_params())), "conv1", "bn1")


def _t4_guarded() -> str:
    trains = ("conv2", "bn2", "fc")
    results = [guard(Normed(), "conv1", "bn1", trains=trains, method=each) for each in _METHODS]
    return "; ".join(filter(None, results))


def _t5() -> str:
    net = TwoConvs()
    step = plain_step(net, MOMENTUM(net.trainable_params()))
    moved(net, step)
    clear_flags(net.conv1)
    return moved_of(net, step, "conv1")


def _t5_guarded() -> str:
    net = TwoConvs()
    first = guard(net, "conv1", trains=("conv2", "fc"), method="requires_grad")
    second = guard(net, "conv2", trains=("conv1", "fc"), method="requires_grad")
    return "; ".join(filter(None, [first, second]))


def _t6() -> str:
    net = TwoConvs()
    net.conv2.register_forward_hook(cut)
    cells = {
        name.partition(".")[0]
        for name in moved(net, plain_step(net, nn.SGD(net.trainable_params(), 0.1)))
    }
    return "" if "conv1" in cells else "conv1 does not train, though only conv2 was named"


def _t6_guarded() -> str:
    frozen = freeze(net := TwoConvs(), ["conv2"], inputs=IMAGES)
    upstream = {p.name for p in frozen.plan.select("frozen") if p.by == "upstream of the cut"}
    frozen.undo()
    listed = "" if upstream == {"conv1.weight", "conv1.bias"} else f"listed upstream: {upstream}"
    return listed or guard(net, "conv2", trains=("fc",))


def _t8() -> str:
    net = TwoConvs()
    for parameter in net.conv1.get_parameters():
        parameter.require_grad = False
    net.conv1.requires_grad = False
    net.conv1.set_grad(False)
    return moved_of(net, plain_step(net, MOMENTUM(net.trainable_params())), "conv1")


def _t9() -> str:
    net = TwoConvs()
    clear_flags(net)
    try:
        nn.SGD(net.trainable_params(), 0.1)
    except ValueError as error:
        return f"an error that names no cause: {str(error).splitlines()[0]}"
    return ""


def _t10() -> str:
    net = TwoConvs()
    net.conv2.register_forward_hook(cut)
    names = [p.name for p in net.trainable_params() if p.name.startswith("conv")]
    return f"listed as trainable: {', '.join(names)}" if names else ""


def _t10_guarded() -> str:
    net = TwoConvs()
    frozen = freeze(net, ["conv2"], inputs=IMAGES)
    names = [p.name for p in net.trainable_params()]
    frozen.undo()
    return "" if names == ["fc.weight", "fc.bias"] else f"trainable_params() lists {names}"


def _t11() -> str:
    net = TwoConvs()
    optimizer = nn.Adam(net.trainable_params())
    moved(net, plain_step(net, optimizer))
    net.conv1.register_forward_hook(cut)
    return moved_of(net, plain_step(net, optimizer), "conv1")


def _t11_guarded() -> str:
    net = TwoConvs()
    moved(net, plain_step(net, nn.Adam(net.trainable_params())))
    return guard(net, "conv1", trains=("conv2", "fc"), make=nn.Adam)


def _t12() -> str:
    net = tower()
    net[0].register_forward_hook(cut)
    return moved_of(net, plain_step(net, MOMENTUM(net.trainable_params())), "0")


_FIRST = partial(guard, trains=("conv2", "fc"))


@cache
def _cleared_flags() -> str:
    return _FIRST(TwoConvs(), "conv1", method="requires_grad")


PITFALLS = {
    "T1": Pitfall(_t1, _cleared_flags),
    "T2": Pitfall(_t2, _cleared_flags),
    "T3": Pitfall(
        _t3, lambda: _FIRST(TwoConvs(), "conv1", make=partial(MOMENTUM, weight_decay=0.1))
    ),
    "T4": Pitfall(_t4, _t4_guarded),
    "T5": Pitfall(_t5, _t5_guarded),
    "T6": Pitfall(_t6, _t6_guarded),
    "T8": Pitfall(_t8, lambda: refused("convv1", expected="nearest: conv1")),
    "T9": Pitfall(_t9, lambda: refused("*", expected="all are frozen")),
    "T10": Pitfall(_t10, _t10_guarded),
    "T11": Pitfall(_t11, _t11_guarded),
    "T12": Pitfall(_t12, lambda: guard(tower(), "0", trains=("2",))),
}
