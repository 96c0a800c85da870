"""Step: the learning rate is multiplied by the decay rate at regular intervals."""


def step_decay(
    step: int, steps: int, decay_steps: int, decay_rate: float = 0.1, min_factor: float = 0.0
) -> float:
    """Return the factor of PyTorch's ``StepLR(decay_steps, gamma=decay_rate)``, at least the least.

    With a whole number of epochs it is equal to ``StepLR`` advanced once per epoch.
    """
    return float(max(decay_rate ** (step // decay_steps), min_factor))
