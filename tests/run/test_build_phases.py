"""The phases of the settings, resolved against the model and the data."""

import pytest

from tests.support.command import Command
from trainer.checkpoint.resume import ResumeRequest
from trainer.core.errors import ConfigError
from trainer.phases.phase import Phase, PhaseEnd
from trainer.run import configure

DIGITS = ["limit_train_batches=10", "limit_validation_batches=1", "features=off"]


def phases(*overrides: str) -> list[Phase]:
    """Return the phases of a run on the digits, in epochs of 10 steps."""
    _, components = configure.run_from_overrides(ResumeRequest([*DIGITS, *overrides]))
    assert components.plan == components.phases[0].plan
    return list(components.phases)


def trainable(*overrides: str) -> list[list[str]]:
    names = [phase.plan.names("trainable") for phase in phases(*overrides)]
    return [list(dict.fromkeys(name.split(".")[0] for name in each)) for each in names]


def problems(*overrides: str) -> str:
    with pytest.raises(ConfigError) as raised:
        phases(*overrides)
    return "\n".join(raised.value.problems)


def test_a_run_without_phases_has_one(command: Command) -> None:
    (phase,) = phases("freeze=conv1")
    assert phase == Phase("", phase.plan, PhaseEnd())
    assert phase.plan.names("frozen") == ("conv1.weight", "conv1.bias")


def test_keys_of_a_phase_are_resolved(command: Command) -> None:
    end = "{monitor: accuracy, patience: 2, min_delta: 0.1, max_epochs: 2}"
    more = "start_from: best, lr_factor: 0.5, warmup_epochs: 0.5, optimizer_state: new"
    lines = f"[{{name: head, policy: linear_probe, until: {end}}}, {{name: all, {more}}}]"
    head, rest = phases(f"phases.list={lines}")
    assert head.end == PhaseEnd(20, "accuracy", 2, 0.1)
    assert rest == Phase("all", rest.plan, PhaseEnd(), "best", 0.5, 5, "new")
    assert head.plan.names("trainable") == ("fc3.weight", "fc3.bias")
    assert rest.plan.names("frozen") == ()


def test_what_the_run_freezes_holds_where_a_phase_names_nothing_else(command: Command) -> None:
    lines = "[{name: a, until: {share: 0.2}}, {name: b, freeze: fc1, method: requires_grad, until: "
    lines += "{share: 0.2}}, {name: c, freeze: [], until: {share: 0.2}}, {name: d, policy: last_n}]"
    everything = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert trainable("freeze=conv1", f"phases.list={lines}") == [
        ["conv2", "fc1", "fc2", "fc3"],
        ["conv1", "conv2", "fc2", "fc3"],
        everything,
        ["fc1", "fc2", "fc3"],
    ]


def test_generators_find_the_stages_of_the_model(command: Command) -> None:
    assert trainable("phases=gradual_unfreezing", "freeze=conv1") == [
        ["fc3"],
        ["fc2", "fc3"],
        ["fc1", "fc2", "fc3"],
        ["conv2", "fc1", "fc2", "fc3"],
    ]
    assert [p.name for p in phases("phases=lp_ft")] == ["linear_probe", "fine_tuning"]


def test_a_generator_is_told_the_steps_of_the_run(command: Command) -> None:
    draws = phases("phases=random_blocks", "phases.every=5", "phases.unit=steps", "max_steps=30")
    assert sum(phase.end.steps or 0 for phase in draws) < 30
    assert all((phase.end.steps or 5) % 5 == 0 for phase in draws)
    assert len(draws) > 3


def test_equal_phases_share_their_plan(command: Command) -> None:
    lines = "[{name: a, policy: last_n, until: {share: 0.2}}, {name: b, until: {share: 0.2}}, "
    first, second, third = phases(f"phases.list={lines}{{name: c, policy: last_n}}]")
    assert first.plan is third.plan
    assert first.plan != second.plan


def test_steps_that_do_not_add_up_are_known_with_the_data(command: Command) -> None:
    text = problems("phases.list=[{name: a, until: {steps: 60}}, {name: b}]")
    assert "expected less than 50 steps before the last phase, received 60 (a)" in text


def test_what_the_cut_of_one_phase_puts_out_of_reach(command: Command) -> None:
    rules = "[{select: conv2}, {method: train}]"
    text = problems(f"phases.list=[{{name: a, until: {{epochs: 1}}}}, {{name: b, rules: {rules}}}]")
    assert text.startswith("phases.list[1] (b): policy.rules[1]: expected parameters that the grad")


def test_half_precision_is_the_same_in_all_phases(command: Command) -> None:
    half = "rules: [{select: conv1, dtype: float16}]"
    text = problems(f"phases.list=[{{name: a, {half}, until: {{epochs: 1}}}}, {{name: b}}]")
    assert text.startswith("phases.list[1] (b): expected the same weights in float16 as in a")
    assert "conv1.weight" in text
    both = f"[{{name: a, {half}, until: {{epochs: 1}}}}, {{name: b, {half}, lr_factor: 2}}]"
    assert len(phases(f"phases.list={both}")) == 2


def test_a_monitor_needs_data_for_validation(command: Command) -> None:
    command.add_module(
        "alone",
        "import mindspore.dataset as ds\nimport numpy as np\n\n"
        "def data(batch_size):\n"
        "    rows = np.zeros((8, 1, 32, 32), np.float32), np.zeros(8, np.int32)\n"
        "    data = ds.NumpySlicesDataset(rows, ['x', 'y'], shuffle=False)\n"
        "    return data.batch(batch_size), None\n",
    )
    data = ["dataset=custom", "dataset._target_=alone.data", "+dataset.batch_size=4"]
    data += ["model.num_classes=10", "init_from=null", "new_head=[]"]
    lines = "[{name: a, until: {monitor: accuracy, patience: 1, max_epochs: 1}}, {name: b, "
    text = problems(*data, f"phases.list={lines}start_from: best}}]")
    assert "phases.list[0] (a).until.monitor: expected data for validation, received none" in text
    assert "phases.list[1] (b).start_from: expected data for validation, received none" in text
