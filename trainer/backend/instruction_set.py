"""Instruction set: the limit that oneDNN, which MindSpore computes with, is given.

oneDNN reads it when MindSpore is imported. Under AVX-512, MindSpore 2.10 falls back to oneDNN's
reference code for convolutions in plain layouts: LeNet-5, batch 64, took 112 ms per step with
default settings and 12 ms with AVX2 on two cores of an EPYC; ``scripts/bench`` measures it. Matrix
products are not affected.
"""

import os

from trainer.backend import processor

VARIABLE = "ONEDNN_MAX_CPU_ISA"
CAPPED = "TRAINER_CAPPED"  # set where the limit is the trainer's and not the user's


def name() -> str:
    """Return the limit; without one, ``AVX-512`` on a processor that has it, else ``native``."""
    return os.environ.get(VARIABLE) or ("AVX-512" if processor.has_avx512() else "native")


def cap() -> None:
    """Limit oneDNN to AVX2, unless the user has set a limit."""
    if VARIABLE not in os.environ:
        os.environ |= {VARIABLE: "AVX2", CAPPED: "1"}


def uncap() -> None:
    """Take back a limit that the trainer has set, in this process or in the one that started it."""
    if os.environ.pop(CAPPED, ""):
        os.environ.pop(VARIABLE, None)


def environment_of_user() -> dict[str, str]:
    """Return the environment without a limit that the trainer has set."""
    hidden = {CAPPED, VARIABLE} if CAPPED in os.environ else set()
    return {name: value for name, value in os.environ.items() if name not in hidden}
