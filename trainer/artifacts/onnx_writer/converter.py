"""Converter: a function that translates a node and returns the names of its outputs."""

from collections.abc import Callable
from typing import TypeAlias

from trainer.artifacts.onnx_writer.builder import Builder
from trainer.artifacts.onnx_writer.mindir_graph import Node

Converter: TypeAlias = Callable[[Builder, Node], str | list[str]]
