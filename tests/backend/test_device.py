"""The environment that MindSpore is imported in; each in a process of its own."""

import os
import subprocess
import sys

import pytest

from tests.support.command import CHECKOUT
from trainer.backend import device
from trainer.config.groups import Device
from trainer.core.errors import ConfigError

SHOW = """
import os
from trainer.backend import device
from trainer.config.groups import Device
device.prepare(Device(target="cpu", convolutions="plain", instruction_set={!r}))
print({})
"""


def environment(argument: str, name: str, **given: str) -> str:
    """Return a variable as `prepare` leaves it, in a process that starts with ``given``."""
    hidden = {"ONEDNN_MAX_CPU_ISA", "TRAINER_CAPPED", "MS_COMPILER_CACHE_ENABLE", "GLOG_v"}
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    script = SHOW.format(argument, f"os.environ.get({name!r})")
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, **given, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_instruction_set_is_held_where_it_helps() -> None:
    with open("/proc/cpuinfo") as cpu:  # noqa: PTH123
        expected = "AVX2" if "avx512f" in cpu.read() else "None"
    assert environment("auto", "ONEDNN_MAX_CPU_ISA") == expected
    assert environment("native", "ONEDNN_MAX_CPU_ISA") == "None"


CHOICE = """
import os
from trainer.backend import device, processor
from trainer.backend.convolutions import native_library, verdict
from trainer.config.groups import Device
processor.has_avx512 = lambda: True
verdict.reason = lambda may_test=True: {why!r}
native_library.install = lambda: ""
options = Device(**{options!r})
device.prepare(options)
print(os.environ.get("ONEDNN_MAX_CPU_ISA"), device.install_convolutions(options))
"""
IMPOSSIBLE = "['device.convolutions=blocked: not possible here: broken; expected auto or plain']"
ON_ASCEND = "['device.convolutions=blocked: expected device=cpu, received an Ascend device']"


@pytest.mark.parametrize(
    ("options", "why", "printed"),
    [
        ({"target": "cpu"}, "", "None []"),
        ({"target": "cpu"}, "broken", "AVX2 []"),
        ({"target": "cpu", "convolutions": "plain"}, "", "AVX2 []"),
        ({"target": "cpu", "convolutions": "blocked"}, "broken", f"AVX2 {IMPOSSIBLE}"),
        ({"target": "cpu", "instruction_set": "native"}, "broken", "None []"),
        ({"target": "ascend"}, "", "AVX2 []"),
        ({"target": "ascend", "convolutions": "blocked"}, "", f"AVX2 {ON_ASCEND}"),
    ],
)
@pytest.mark.parametrize("outer", [{}, {"ONEDNN_MAX_CPU_ISA": "AVX2", "TRAINER_CAPPED": "1"}])
def test_onednn_is_limited_where_convolutions_are_plain(
    options: dict[str, str], why: str, printed: str, outer: dict[str, str]
) -> None:
    """Also in a process that was started by a limited one."""
    hidden = {"ONEDNN_MAX_CPU_ISA", "TRAINER_CAPPED", "TRAINER_CONVOLUTIONS"}
    inherited = {key: value for key, value in os.environ.items() if key not in hidden}
    ended = subprocess.run(
        [sys.executable, "-c", CHOICE.format(options=options, why=why)],
        env={**inherited, **outer, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == f"{printed}\n"


def test_what_the_user_has_set_stays() -> None:
    assert environment("auto", "ONEDNN_MAX_CPU_ISA", ONEDNN_MAX_CPU_ISA="SSE41") == "SSE41"
    assert environment("auto", "GLOG_v", GLOG_v="1") == "1"


def test_compile_cache_is_off_whatever_the_user_has_set() -> None:
    assert environment("auto", "MS_COMPILER_CACHE_ENABLE", MS_COMPILER_CACHE_ENABLE="1") == "0"


def test_what_is_imported_is_passed_over_by_the_garbage_collector_and_a_net_is_not() -> None:
    script = """
import gc
from trainer.backend import device
from trainer.config.groups import Device
from trainer.run import preload
device.prepare(Device(target="cpu"))
preload.load()
from mindspore import nn
from trainer.freezing.api import live_optimizers
net = nn.Dense(2, 2)
found = any(c is net for c in live_optimizers.live_cells())
print(gc.isenabled(), gc.get_freeze_count() > 100_000, found)
preload.load()
print(any(c is net for c in live_optimizers.live_cells()))
"""
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "True True True\nTrue\n"


def test_cpu_is_described() -> None:
    line = device.select(Device(target="cpu"))
    assert line.startswith(f"cpu, GRAPH_MODE, {len(os.sched_getaffinity(0))} cores, oneDNN")


def test_auto_takes_the_cpu_where_there_is_no_ascend() -> None:
    assert device.select(Device(target="auto")).startswith("cpu")


def test_missing_cann_is_a_mistake_without_a_stack() -> None:
    with pytest.raises(ConfigError) as raised:
        device.select(Device(target="ascend"))
    assert "libge_runner.so" in str(raised.value)
    assert "Call Stack" not in str(raised.value)
