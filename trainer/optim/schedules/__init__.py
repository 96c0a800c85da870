"""Learning-rate schedules: pure functions of the step, in float64, one file each.

Each returns the factor on the learning rate at a step, which counts from 0, of a run of ``steps``
steps. ``trainer.optim.schedule`` puts the warm-up before it and passes lengths in steps and rates
as factors, whatever the unit of the setting.
"""
