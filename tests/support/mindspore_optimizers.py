"""MindSpore's optimizers that have a CPU kernel, with the arguments that they need."""

from typing import Any

WORKING: dict[str, dict[str, Any]] = {
    "mindspore.nn.Adagrad": {},
    "mindspore.nn.Adadelta": {},
    "mindspore.nn.Adam": {"use_amsgrad": True},
    "mindspore.nn.AdaFactor": {"relative_step": False, "scale_parameter": False},
    "mindspore.nn.AdaMax": {},
    "mindspore.nn.AdamWeightDecay": {},
    "mindspore.nn.ASGD": {},
    "mindspore.nn.FTRL": {},
    "mindspore.nn.LazyAdam": {},
    "mindspore.nn.Momentum": {"momentum": 0.9},
    "mindspore.nn.ProximalAdagrad": {},
    "mindspore.nn.RMSProp": {},
    "mindspore.nn.Rprop": {},
    "mindspore.nn.SGD": {},
}
