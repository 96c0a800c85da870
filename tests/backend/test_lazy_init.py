from mindspore import nn

from trainer.backend.lazy_init import skip_initializers


def test_first_values_are_drawn_only_outside() -> None:
    with skip_initializers():
        assert not nn.Dense(4, 4).weight.asnumpy().any()
        assert not nn.Conv2d(1, 1, 3, weight_init="HeUniform").weight.asnumpy().any()
    assert nn.Dense(4, 4).weight.asnumpy().any()
