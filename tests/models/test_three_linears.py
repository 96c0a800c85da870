import mindspore as ms
from mindspore import Tensor

from trainer.models.sum_loss import SumLoss
from trainer.models.three_linears import ThreeLinears

SHAPES = {
    "f1.weight": (2, 1),
    "f1.bias": (2,),
    "f2.weight": (3, 2),
    "f2.bias": (3,),
    "f3.weight": (2, 3),
    "f3.bias": (2,),
}
GRADIENTS = {
    "f1.weight": 6,
    "f1.bias": 6,
    "f2.weight": 4,
    "f2.bias": 2,
    "f3.weight": 5,
    "f3.bias": 1,
}


def test_parameters_are_all_one() -> None:
    parameters = list(ThreeLinears().get_parameters())
    assert {parameter.name: parameter.shape for parameter in parameters} == SHAPES
    assert all((parameter.asnumpy() == 1).all() for parameter in parameters)


def test_output() -> None:
    assert ThreeLinears()(Tensor([[1.0], [2.0]], ms.float32)).asnumpy().tolist() == [
        [16, 16],
        [22, 22],
    ]


def test_gradients_are_the_sources() -> None:
    net, loss = ThreeLinears(), SumLoss()
    weights = net.trainable_params()

    def forward(x: Tensor, label: Tensor) -> Tensor:
        return loss(net(x), label)

    value, gradients = ms.value_and_grad(forward, None, weights)(
        Tensor([[1.0]], ms.float32), Tensor([[0.0, 0.0]], ms.float32)
    )
    assert value.asnumpy() == 32
    for weight, gradient in zip(weights, gradients, strict=True):
        assert (gradient.asnumpy() == GRADIENTS[weight.name]).all(), weight.name
