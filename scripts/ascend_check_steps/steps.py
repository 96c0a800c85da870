"""The steps in their order, each with its time limit and the step that it needs."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.ascend_check_steps import (
    environment_steps,
    pitfall_steps,
    resume_steps,
    training_steps,
)
from scripts.ascend_check_steps.check import Check


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes:
        name: one word.
        about: what it shows.
        limit: seconds for all of its commands.
        run: does it; raises StepFailed or StepSkipped.
        needs: the step that must be ok before; empty: none.
        only_on_ascend: why it is skipped on a CPU; empty: it is not.
    """

    name: str
    about: str
    limit: float
    run: Callable[[Check], None]
    needs: str = "device"
    only_on_ascend: str = ""


def _train_with(name: str, *overrides: str) -> Callable[[Check], None]:
    def run(check: Check) -> None:
        training_steps.train_with(check, name, *overrides)

    return run


_FLOAT16 = "device.precision=float16"
_STATIC = _train_with("float16_static", _FLOAT16, "device.loss_scale=1024")
_DYNAMIC = _train_with("float16_dynamic", _FLOAT16, "device.loss_scale=dynamic")
_BFLOAT16 = _train_with("bfloat16", "device.precision=bfloat16")
_O1 = _train_with("jit_level_O1", "device.jit_level=O1")
_RECOMPUTE = _train_with("recompute", "device.recompute=[conv2]")

# Why steps are skipped on a CPU.
_NO_KERNELS = "MindSpore has no CPU kernels for training in bfloat16"
_THE_CPU = "the device is the CPU"
_NO_LEVEL = "a CPU has no device.jit_level"

INSTALL = Step("install", "the Python environment", 900, environment_steps.install, "")

STEPS = (
    Step("machine", "driver, CANN, npu-smi, devices", 60, environment_steps.machine, ""),
    Step("device", "MindSpore computes on it", 90, environment_steps.device, "install"),
    Step("compile", "plan, compile, train with stop_gradient", 180, training_steps.compile_graphs),
    Step("methods", "nothing frozen; requires_grad", 120, training_steps.freeze_methods),
    Step("proof", "the proof holds, and detects", 90, training_steps.proof),
    Step("pitfalls", "T1 to T12 of docs/freezing.md", 180, pitfall_steps.pitfalls),
    Step("float16", "constant loss scale", 90, _STATIC),
    Step("dynamic", "float16 with a dynamic loss scale", 90, _DYNAMIC),
    Step("bfloat16", "no loss scale", 90, _BFLOAT16, only_on_ascend=_NO_KERNELS),
    Step("snapshot", "the weights of an epoch", 60, training_steps.snapshots),
    Step("repeat", "the same run ends with the same bits", 60, resume_steps.repeat),
    Step("resume", "stop, kill, resume: the same bits", 150, resume_steps.stop_kill_and_resume),
    Step("ranks", "two ranks on two devices", 150, resume_steps.two_ranks),
    Step(
        *("cpu", "the same training on the CPU", 60, training_steps.compare_with_cpu),
        only_on_ascend=_THE_CPU,
    ),
    Step("pynative", "a compiled step in PyNative", 90, training_steps.pynative),
    Step("features", "stored outputs of the frozen part", 90, training_steps.stored_features),
    Step("O1", "the compiler's level O1", 90, _O1, only_on_ascend=_NO_LEVEL),
    Step("recompute", "activations of conv2 computed again", 90, _RECOMPUTE),
    Step("times", "seconds per step and to compile", 30, training_steps.step_times),
)
