"""Freezing: from rules to a frozen model, with proof that what is frozen stays unchanged.

A rule (``config/rules.py``; the setting ``freeze``, or one entry of ``policy.rules``) selects cells
or parameters and says how they are treated: trained, or frozen by a method. From rules to a plan:

- ``selection.py``: the cells and parameters that one rule selects, regardless of other rules.
- ``assignment.py``: the first rule that matches a parameter decides its state.
- ``gradient_cuts.py``: the cells behind whose output the gradient stops. A cut freezes everything
  upstream; ``backend/graph`` finds that by one forward pass (``tracer.py``, ``reachability.py``).
- ``eval_modules.py``: the cells whose normalisation and dropout run in inference mode.
- ``layer_depth.py``: the distance from the head, for layer-wise learning-rate decay.
- ``plan.py``: the plan, which is the rules resolved against one model; it is written to plan.json.
- ``validation.py``, ``unmatched_selectors.py``: the configuration errors of rules, all at once.
- ``plan_warnings.py``: what a plan does that its author may not have meant.

These modules need no MindSpore: a model is a ``ModuleTree`` to them. From a plan to training:

- ``methods/``: one function per freeze method, each with one YAML file in ``conf/freeze_method``.
- ``frozen_model.py``: applies a plan to a model before the optimizer is built, and undoes it.
- ``param_groups.py``: the learning rates and weight decays of a plan, for the optimizer.
- ``proof.py``, ``drift_causes.py``: frozen tensors compared bit for bit, and why one has changed.
  ``callbacks/freeze_proof.py`` does it after each epoch and keeps proof.json.
- ``api/``: ``trainer.freeze`` for hand-written loops: ``freeze.py``, ``frozen.py`` (what it
  returns), ``python_rules.py`` (its rules), and ``misuse.py`` (what undermines a freeze), which
  examines ``live_optimizers.py`` and ``jitted_functions.py``.

MindSpore has pitfalls that silently train a frozen layer. docs/freezing.md lists them, and
``tests/freezing/test_pitfalls.py`` shows each one, and that it is avoided here.
"""
