"""Audit: what a run's files say of one another. Needs no MindSpore."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trainer.artifacts import manifest, plan_check, plan_history, run_record
from trainer.artifacts.run_record import MetricsLine, ProofRecord
from trainer.checkpoint import checkpoint_index
from trainer.checkpoint.snapshot_store import SnapshotStore, TensorEntry
from trainer.config import retention
from trainer.config.groups import SnapshotSettings
from trainer.config.schema import Settings
from trainer.core import tensors
from trainer.core.errors import ConfigError
from trainer.core.run_files import CHECKPOINTS, CONFIG, METRICS, MODEL, PROOF, SNAPSHOTS
from trainer.core.text import shorten
from trainer.freezing.plan import Plan

_Indexes = dict[int, dict[str, TensorEntry]]


@dataclass
class Check:
    """What came of one check.

    Attributes:
        name: the file or files that it is about.
        said: what holds if nothing is wrong.
        wrong: files that are not as the run wrote them, or do not agree with others.
        moved: frozen tensors that differ from what they were at the start.
        unchecked: what the files at hand cannot show.
    """

    name: str
    said: str
    wrong: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def audit(run: Path) -> list[Check]:
    """Return the checks of a run's folder, each made as far as the files it needs are there."""
    found = run_record.read(run)
    store = SnapshotStore(run / SNAPSHOTS)
    indexes = _indexes(store)
    sealed = manifest.read_or_none(run)
    done = sealed is not None and sealed.done
    checks = [
        Check("files", "each is as the run left it", manifest.problems(run)),
        Check("records", "plan, proof, metrics and settings are whole", found.problems),
        Check("snapshot files", f"{len(indexes)}, each tensor as its index says", store.problems()),
        Check(
            "checkpoint files",
            "each as its index says",
            checkpoint_index.problems(run / CHECKPOINTS),
        ),
    ]
    if sealed and done and found.settings and found.metrics:
        last = found.metrics[-1].epoch
        checks.append(_kept(found.settings.snapshot, last, store.epochs(), sealed.resumed))
    if found.plan and found.proof:
        checks += [_proof(found.plan, found.proof), _still(found.plan, found.proof, indexes)]
    if found.metrics is not None:
        checks.append(_metrics(found.metrics, found.proof, indexes))
    if found.plan and found.proof:
        checks.append(_model(run, found.plan, found.proof, indexes, done))
    if found.plan and found.settings:
        checks.append(_settings(found.settings, found.plan))
    return checks


def _indexes(store: SnapshotStore) -> _Indexes:
    """Return the indexes that can be read; the others are problems of the store."""
    found = {}
    for epoch in store.epochs():
        with suppress(ConfigError):
            found[epoch] = store.index(epoch)
    return found


def _kept(setting: SnapshotSettings, last: int, epochs: list[int], resumed: bool) -> Check:
    """Hold the epochs that are there against those that were to be kept of a run that was done."""
    check = Check("snapshot.keep", f"the epochs that snapshot.keep={setting.keep} keeps of {last}")
    every = range(last + 1)
    gone = retention.surplus(every, setting.keep, done=True)
    stay = [epoch for epoch in every if epoch not in gone]
    if (resumed or setting.max_mb is not None) and {*epochs} < {*stay}:
        why = "snapshot.max_mb" if setting.max_mb is not None else "another snapshot.keep"
        check.unchecked.append(f"whether {why} has left out {shorten(_text(stay, epochs))}")
    elif epochs != stay:
        check.wrong.append(f"{SNAPSHOTS}: expected the epochs {stay}, received {epochs}")
    if not stay:
        check.unchecked.append("the weights by epoch, for no snapshot was to be kept")
    return check


def _text(stay: list[int], epochs: list[int]) -> list[str]:
    return [f"epoch {epoch}" for epoch in stay if epoch not in epochs]


def _proof(plan: Plan, proof: ProofRecord) -> Check:
    """Hold the proof against the plan and against itself."""
    frozen = plan.names("frozen")
    check = Check(PROOF, f"holds, for the {len(frozen)} tensors that plan.json freezes")
    pairs = [(frozen, [row.name for row in proof.tensors])]
    pairs += [(c.plan.names("frozen"), [row.name for row in c.tensors]) for c in proof.chapters]
    if alone := [name for planned, proven in pairs for name in sorted({*planned} ^ {*proven})]:
        check.wrong.append(
            f"plan and proof.json: expected the same frozen tensors: {shorten(alone)}"
        )
    for row in proof.tensors:
        if row.equal != (row.sha256_before == row.sha256_after):
            check.wrong.append(f"proof.json: {row.name}: its hashes and `equal` disagree")
        elif not row.equal:
            check.moved.append(f"{row.name}: by the run's own proof")
    if proof.holds != all(row.equal for row in proof.tensors):
        check.wrong.append("proof.json: `holds` and its tensors disagree")
    return check


def _still(plan: Plan, proof: ProofRecord, indexes: _Indexes) -> Check:
    """Hold the tensors of every snapshot against the plan, the frozen ones against the proof."""
    check = Check("frozen tensors", "in every snapshot what they were at the start")
    spans = plan_history.spans(plan, proof)
    for epoch, index in indexes.items():
        mine = [span for span in spans if span.covers(epoch)]
        shapes = {p.name: p.shape for span in mine[:1] for p in span.plan.parameters}
        if shapes != {entry.name: entry.shape for entry in index.values()}:
            check.wrong.append(f"{SNAPSHOTS}: epoch {epoch} has not the tensors of plan.json")
        check.moved += [
            f"{name}: in the snapshot of epoch {epoch}"
            for span in mine
            for name, sha256 in span.hashes.items()
            if name in index and index[name].sha256 != sha256
        ]
    return check


def _metrics(lines: list[MetricsLine], proof: ProofRecord | None, indexes: _Indexes) -> Check:
    """Hold the metrics against themselves, the proof and the snapshots."""
    last = len(lines) - 1
    check = Check(METRICS, f"epochs 0 to {last}, none missing and none twice")
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
        still = {n for n in index if n in first and index[n].sha256 == first[n].sha256}
        check.wrong += [
            f"metrics.jsonl: epoch {line.epoch}: {row.name} has changed, but not in its snapshot"
            for row in line.weights
            if row.name in still and row.largest_since_start > 0
        ]
    return check


def _model(run: Path, plan: Plan, proof: ProofRecord, indexes: _Indexes, done: bool) -> Check:
    """Hold the weights at the end against plan, proof and the last snapshot."""
    check = Check(MODEL, "its frozen tensors are as at the start, all as in the last snapshot")
    try:
        weights = tensors.read(run / MODEL)
    except ConfigError as mistake:
        if done or (run / MODEL).exists():
            check.wrong += mistake.problems
        else:
            check.unchecked.append(f"{MODEL}: a run that was ended before may leave none")
        return check
    if {p.name: p.shape for p in plan.parameters} != {n: a.shape for n, a in weights.items()}:
        check.wrong.append(f"{MODEL} and plan.json: expected the same tensors")
    hashes = {name: tensors.sha256(array) for name, array in weights.items()}
    start = {row.name: row.sha256_before for row in proof.tensors}
    last = {n: entry.sha256 for n, entry in indexes[max(indexes)].items()} if indexes else {}
    check.moved += [f"{n}: in {MODEL}" for n in start if hashes.get(n, start[n]) != start[n]]
    if not (done and last):
        check.unchecked.append(f"{MODEL} against a snapshot of the same moment, for there is none")
    elif differ := [name for name in last if hashes.get(name) != last[name]]:
        check.wrong.append(f"{MODEL}: expected the last snapshot's values in {shorten(differ)}")
    return check


def _settings(settings: Settings, plan: Plan) -> Check:
    check = Check(CONFIG, "plan.json freezes what freeze and policy declare")
    wrong = plan_check.problems(settings, plan)
    check.wrong += [f".hydra/config.yaml and plan.json: expected {text}" for text in wrong]
    check.unchecked += plan_check.unchecked(settings, plan)
    return check
