"""All models of MindCV are planned within limits, and none twice."""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts import plan_all
from scripts.plan_worker import Planner

OVERRIDES = ["policy=linear_probe"]


@pytest.mark.skipif(not find_spec("mindcv"), reason="MindCV is not installed")
def test_a_model_with_a_result_is_not_planned_again(tmp_path: Path) -> None:
    import mindcv

    out = tmp_path / "plans.jsonl"
    names = mindcv.list_models()
    results = [{"model": name, "overrides": OVERRIDES, "result": "planned:"} for name in names]
    out.write_text("".join(f"{json.dumps(result)}\n" for result in results))
    options = argparse.Namespace(only="", out=out, timeout=1, memory=1, overrides=OVERRIDES)
    assert list(plan_all._new_results(options)) == []
    options.overrides = ["policy=linear_probe", "method=requires_grad"]
    assert plan_all._recorded(options) == []


@pytest.mark.slow
@pytest.mark.parametrize(("timeout", "memory"), [(0.0, 10.0), (60.0, 0.01)])
def test_a_process_that_exceeds_a_limit_is_ended(timeout: float, memory: float) -> None:
    with Planner(OVERRIDES, timeout, memory) as planner:
        outcome = planner.plan("resnet18")
        assert planner.process is None
    assert outcome["result"] in ("no plan after 0 s", "no plan within 0.01 GB")
