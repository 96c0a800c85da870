"""Audit: a run's files compared with one another. Needs no MindSpore."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trainer.artifacts import manifest, plan_check, plan_history, run_record, run_result
from trainer.artifacts.run_record import MetricsLine, ProofRecord
from trainer.artifacts.run_result import Moment
from trainer.checkpoint import checkpoint, checkpoint_index
from trainer.checkpoint.snapshot_store import SnapshotStore, TensorEntry
from trainer.config import retention
from trainer.config.groups import SnapshotSettings
from trainer.config.phase_settings import settings_of
from trainer.config.schema import Settings
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.run_files import CHECKPOINTS, CONFIG, METRICS, MODEL, PROOF, SNAPSHOTS
from trainer.core.text import shorten
from trainer.engine.progress import Progress
from trainer.freezing.plan import Plan

_Indexes = dict[int, dict[str, TensorEntry]]


@dataclass
class Check:
    """The result of one check.

    Attributes:
        name: the file or files that it is about.
        said: what is true if nothing is wrong.
        wrong: files that are not as the run wrote them, or do not agree with others.
        moved: frozen tensors that differ from what they were at the start.
        unchecked: what the existing files cannot show.
    """

    name: str
    said: str
    wrong: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def audit(run: Path) -> list[Check]:
    """Return the checks of a run's folder, as far as the files that each needs exist."""
    record = run_record.read(run)
    store = SnapshotStore(run / SNAPSHOTS)
    indexes = _indexes(store)
    listed = manifest.read_or_none(run)
    done = listed is not None and listed.done
    checks = [
        Check("files", "each is as the run left it", manifest.problems(run)),
        Check("records", "plan, proof, metrics and settings are complete", record.problems),
        Check("snapshot files", f"{len(indexes)}, each tensor as its index says", store.problems()),
        Check(
            "checkpoint files",
            "each as its index says",
            checkpoint_index.problems(run / CHECKPOINTS),
        ),
    ]
    if listed and done and record.settings and record.metrics:
        last = record.metrics[-1].epoch
        checks.append(_retained(record.settings.snapshot, last, store.epochs(), listed.resumed))
    if record.plan and record.proof:
        checks.append(_proof(record.plan, record.proof))
        checks.append(_frozen_snapshots(record.plan, record.proof, indexes))
    if record.metrics is not None:
        checks.append(_metrics(record.metrics, record.proof, indexes))
    if record.plan and record.proof:
        checks.append(_model(run, record.plan, record.proof, indexes, done))
    if record.plan and record.settings:
        checks.append(_settings(record.settings, record.plan, record.proof))
    return checks


def _indexes(store: SnapshotStore) -> _Indexes:
    """Return the indexes that can be read; the others are problems of the store."""
    indexes = {}
    for epoch in store.epochs():
        with suppress(ConfigError):
            indexes[epoch] = store.index(epoch)
    return indexes


def _retained(settings: SnapshotSettings, last: int, epochs: list[int], resumed: bool) -> Check:
    """Compare the stored epochs of a run that is done with those that were to be retained."""
    check = Check("snapshot.keep", f"the epochs that {settings.keep} retains of {last}")
    surplus = retention.surplus(range(last + 1), settings.keep, done=True)
    expected = [epoch for epoch in range(last + 1) if epoch not in surplus]
    if (resumed or settings.max_mb is not None) and {*epochs} < {*expected}:
        reason = "snapshot.max_mb" if settings.max_mb is not None else "another snapshot.keep"
        missing = [f"epoch {epoch}" for epoch in expected if epoch not in epochs]
        check.unchecked.append(f"whether {reason} has left out {shorten(missing)}")
    elif epochs != expected:
        check.wrong.append(f"{SNAPSHOTS}: expected the epochs {expected}, received {epochs}")
    if not expected:
        check.unchecked.append("the weights by epoch, because no snapshot was to be retained")
    return check


def _proof(plan: Plan, proof: ProofRecord) -> Check:
    """Compare the proof with the plan and with itself."""
    frozen = plan.names("frozen")
    check = Check(PROOF, f"holds for the {len(frozen)} tensors that plan.json freezes")
    pairs = [(frozen, [row.name for row in proof.tensors])]
    pairs += [(c.plan.names("frozen"), [row.name for row in c.tensors]) for c in proof.chapters]
    if names := [name for planned, proven in pairs for name in sorted({*planned} ^ {*proven})]:
        check.wrong.append(
            "plan and proof.json: expected the same frozen tensors, only one of them has "
            f"{shorten(names)}"
        )
    for row in proof.tensors:
        if row.equal != (row.sha256_before == row.sha256_after):
            check.wrong.append(f"proof.json: {row.name}: its hashes and `equal` disagree")
        elif not row.equal:
            check.moved.append(f"{row.name}: according to the run's own proof")
    if proof.holds != all(row.equal for row in proof.tensors):
        check.wrong.append("proof.json: `holds` and its tensors disagree")
    return check


def _frozen_snapshots(plan: Plan, proof: ProofRecord, indexes: _Indexes) -> Check:
    """Compare the tensors of every snapshot with the plan, and the frozen ones with the proof."""
    check = Check("frozen tensors", "in all snapshots as at the start")
    history = plan_history.spans(plan, proof)
    for epoch, index in indexes.items():
        spans = [span for span in history if span.covers(epoch)]
        shapes = {p.name: p.shape for span in spans[:1] for p in span.plan.parameters}
        if shapes != {entry.name: entry.shape for entry in index.values()}:
            check.wrong.append(f"{SNAPSHOTS}: epoch {epoch}: expected the tensors of plan.json")
        check.moved += [
            f"{name}: in the snapshot of epoch {epoch}"
            for span in spans
            for name, sha256 in span.hashes_as_under(spans[0]).items()
            if name in index and index[name].sha256 != sha256
        ]
    return check


def _metrics(lines: list[MetricsLine], proof: ProofRecord | None, indexes: _Indexes) -> Check:
    """Compare the metrics with themselves, the proof and the snapshots."""
    last = len(lines) - 1
    check = Check(METRICS, f"epochs 0 to {last}, each once")
    numbers = [line.epoch for line in lines]
    if not lines or numbers != list(range(len(lines))):
        check.wrong.append(f"metrics.jsonl: expected epochs 0, 1, 2 and so on, received {numbers}")
    elif proof and (last, lines[-1].frozen_ok) != (proof.epochs, proof.holds):
        check.wrong.append("metrics.jsonl and proof.json: expected the same last epoch and verdict")
    elif indexes and max(indexes) != last:
        check.wrong.append(f"metrics.jsonl: expected epochs to {max(indexes)}, the last snapshot's")
    first = indexes.get(0, {})
    for line in lines:
        index = indexes.get(line.epoch, {})
        unchanged = {n for n in index if n in first and index[n].sha256 == first[n].sha256}
        check.wrong += [
            f"metrics.jsonl: epoch {line.epoch}: {row.name} has changed, but not in its snapshot"
            for row in line.weights
            if row.name in unchanged and row.largest_since_start > 0
        ]
    return check


def _model(run: Path, plan: Plan, proof: ProofRecord, indexes: _Indexes, done: bool) -> Check:
    """Compare the weights at the end with plan, proof and what was stored at their moment."""
    moment, stored = _stored(run, indexes)
    check = Check(MODEL, f"frozen tensors as at the start, all tensors as in {moment}")
    try:
        weights = tensors.read(run / MODEL)
    except ConfigError as error:
        if done or (run / MODEL).exists():
            check.wrong += error.problems
        else:
            check.said = "none, because the run did not come to its end"
        return check
    if {p.name: p.shape for p in plan.parameters} != {n: a.shape for n, a in weights.items()}:
        check.wrong.append(f"{MODEL} and plan.json: expected the same tensors")
    hashes = {name: tensors.sha256(array) for name, array in weights.items()}
    start = _frozen_hashes(run, plan, proof)
    check.moved += [f"{n}: in {MODEL}" for n in start if hashes.get(n, start[n]) != start[n]]
    if not (done and stored):
        check.said = "frozen tensors as at the start"
        check.unchecked.append(f"{MODEL}: there is no snapshot of the same moment")
    elif names := [name for name in stored if hashes.get(name) != stored[name]]:
        check.wrong.append(f"{MODEL}: expected the values of {moment} in {shorten(names)}")
    return check


def _frozen_hashes(run: Path, plan: Plan, proof: ProofRecord) -> dict[str, str]:
    """Return the hashes of what was frozen at the moment of the final weights."""
    with suppress(ConfigError):  # another check reports it
        result = run_result.read(run)
        if result is not None and result.weights != result.end:
            moment = result.weights.epochs + (0.5 if result.weights.steps else 0.0)
            spans = [s for s in plan_history.spans(plan, proof) if s.covers(moment)]
            return dict(spans[0].hashes) if spans else {}
    return {row.name: row.sha256_before for row in proof.tensors}


def _stored(run: Path, indexes: _Indexes) -> tuple[str, dict[str, str]]:
    """Return what holds the final weights as well, and the hashes there; none if nothing does.

    These are the weights of the last snapshot, or those of the moment that the result names.
    """
    with suppress(ConfigError):  # another check reports it
        result = run_result.read(run)
        if result is not None and result.weights != result.end:
            return _stored_best(run, result.weights, indexes)
    last = indexes[max(indexes)] if indexes else {}
    return "the last snapshot", {name: entry.sha256 for name, entry in last.items()}


def _stored_best(run: Path, best: Moment, indexes: _Indexes) -> tuple[str, dict[str, str]]:
    if not best.steps and best.epochs in indexes:
        index = indexes[best.epochs]
        moment = f"the snapshot of epoch {best.epochs}"
        return moment, {name: entry.sha256 for name, entry in index.items()}
    folder = run / CHECKPOINTS / checkpoint.name_of(Progress(best.epochs, best.steps))
    with suppress(ConfigError):
        weights = checkpoint.weights(folder)
        moment = f"the checkpoint of {best}"
        return moment, {name: tensors.sha256(array) for name, array in weights.items()}
    return f"{best}", {}


def _settings(settings: Settings, plan: Plan, proof: ProofRecord | None) -> Check:
    check = Check(CONFIG, "plan.json freezes what freeze and policy declare")
    if proof and proof.phase:
        phase = proof.phase.name
        listed = {entry.name: entry for entry in settings.phases.entries}
        if phase not in listed:
            check.unchecked.append(f"what {settings.phases.target} returned for phase {phase}")
            return check
        check.said = f"plan.json freezes what phase {phase} declares"
        settings = settings_of(settings, listed[phase])
    problems = plan_check.problems(settings, plan)
    check.wrong += [f".hydra/config.yaml and plan.json: expected {text}" for text in problems]
    check.unchecked += plan_check.unchecked(settings, plan)
    return check
