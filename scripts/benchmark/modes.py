"""Execution modes: the same training as a graph, in PyNative with a compiled step, and eagerly."""

PART = "modes"
OVERRIDES = {  # of the trainer by contender; without them it trains a graph
    "pynative": ("device.mode=pynative",),
    "eager_mode": ("device.mode=eager",),
}
TITLES = {
    "pynative": "this trainer, device.mode=pynative",
    "eager_mode": "this trainer, device.mode=eager",
}
CONTENDERS = " ".join(["trainer", *OVERRIDES])
