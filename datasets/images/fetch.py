"""Connects a list of images, a cache and a transform: what a loader calls for each image."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cache import ImageCache, cache_key
from .decode import EncodedImage
from .image_list import ImageList
from .transforms.evaluation import EvaluationTransform
from .transforms.normalise import normalise
from .transforms.resize import Pixels, resize_shorter_side

Fetch = Callable[[int, np.random.Generator, NDArray[Any]], None]

Transform = Callable[[EncodedImage | Pixels, np.random.Generator, NDArray[Any]], object]
"""Prepares an image with its generator and writes it into an array."""


def fetch_images(
    images: ImageList,
    transform: Transform,
    cache: ImageCache | None = None,
    cache_side: int | None = None,
) -> Fetch:
    """Return a function that prepares the image of an index; see `loader.Fetch`.

    Args:
        images: the files.
        transform: what is done to each image.
        cache: where decoded images are stored; `None` decodes in each epoch.
        cache_side: shorter side of the images that are stored; smaller ones are not enlarged.
            `None` stores them as they are.
    """

    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        path = images.path(index)
        if cache is None:
            transform(EncodedImage(path), random, out)
            return
        key = cache_key(path, f"shorter side {cache_side}, bilinear")
        transform(cache.get(key, lambda: _decode(EncodedImage(path), cache_side)), random, out)

    return fetch


def fetch_for_evaluation(
    images: ImageList, transform: EvaluationTransform, cache: ImageCache
) -> Fetch:
    """Return a function that prepares the image of an index, and stores its pixels as prepared.

    So an image from the cache has the bits of one that is decoded, which it would not have if it
    were resized twice.

    Args:
        images: the files.
        transform: what is done to each image.
        cache: where the pixels are stored before they are normalised.
    """
    preparation = f"{transform.image_size} {transform.crop_pct} {transform.interpolation}"

    def fetch(index: int, random: np.random.Generator, out: NDArray[Any]) -> None:
        path = images.path(index)
        key = cache_key(path, preparation)
        pixels = cache.get(key, lambda: transform.pixels(EncodedImage(path)))
        normalise(pixels, transform.mean, transform.std, out)

    return fetch


def _decode(image: EncodedImage, side: int | None) -> Pixels:
    pixels = image.decode()
    if side is None or min(image.height, image.width) <= side:
        return pixels
    return resize_shorter_side(pixels, side)
