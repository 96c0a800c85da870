"""Case: one measurement, and the nets it may be of. Imports no framework."""

from dataclasses import dataclass

SEED = 0
RATE, MOMENTUM, DECAY = 0.001, 0.9, 0.0001
CLASSES = 10
EXTENTS = "nothing", "first half", "all but the head"


@dataclass(frozen=True)
class Net:
    """A net, the same in MindSpore and PyTorch, down to the names of its parts.

    Attributes:
        title: what people call it.
        model: the trainer's overrides for it.
        channels: of its images.
        parts: cells in the order of the forward pass, all that hold parameters but the head.
        half: how many of these are the first half of its layers.
    """

    title: str
    model: tuple[str, ...]
    channels: int
    parts: tuple[str, ...]
    half: int


def _mindcv(title: str, name: str, parts: tuple[str, ...], half: int) -> Net:
    return Net(title, ("model=mindcv", f"model.name={name}"), 3, parts, half)


_LAYERS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
_FEATURES = tuple(f"features.{at}" for at in range(23) if at not in (2, 22))  # these are ReLU6
NETS = {
    "lenet5": Net("LeNet-5", ("model=lenet5",), 1, ("conv1", "conv2", "fc1", "fc2"), 2),
    "resnet18": _mindcv("ResNet-18", "resnet18", _LAYERS, 4),
    "mobilenet_v2_100": _mindcv("MobileNetV2", "mobilenet_v2_100", _FEATURES, 11),
}


@dataclass(frozen=True)
class Task:
    """What is to be learned: a net and its images.

    Attributes:
        net: a key of `NETS`.
        size: height and width of the images.
        batch: images a step.
        images: images an epoch.
        few: images where MindSpore is measured as it comes, for that is slow; 0: it is not.
    """

    net: str
    size: int
    batch: int
    images: int
    few: int = 0

    def __str__(self) -> str:
        return f"{NETS[self.net].title} at {self.size}x{self.size}"


@dataclass(frozen=True)
class Case:
    """One measurement, made in a process of its own.

    Attributes:
        task: net and images.
        frozen: how many of the net's parts, counted from its input.
        method: `stop_gradient` or `requires_grad`; empty if nothing is frozen.
        contender: a key of `contenders.TITLES`.
        epochs: how many are trained.
    """

    task: Task
    frozen: int
    method: str
    contender: str
    epochs: int

    @property
    def net(self) -> Net:
        """The net."""
        return NETS[self.task.net]

    @property
    def parts(self) -> tuple[str, ...]:
        """The frozen parts."""
        return self.net.parts[: self.frozen]

    @property
    def only_head(self) -> bool:
        """Whether all but the head is frozen."""
        return self.frozen == len(self.net.parts)

    @property
    def images(self) -> int:
        """Images an epoch."""
        return self.task.few if self.contender == "native" else self.task.images

    @property
    def extent(self) -> str:
        """How much is frozen, in words."""
        names = dict(zip((0, self.net.half, len(self.net.parts)), EXTENTS, strict=True))
        return names.get(self.frozen) or f"up to {self.parts[-1]}"

    @property
    def steps(self) -> int:
        """Steps of the whole measurement."""
        return self.epochs * (self.images // self.task.batch)
