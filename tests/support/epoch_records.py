"""Records of epochs as `metrics.jsonl` holds them, for what is drawn of them."""

from typing import Any


def epochs(rows: int = 2, drift: float = 0.0, accuracy: float | None = 0.5) -> list[dict[str, Any]]:
    """Three epochs of tensors of which the first is frozen and has moved by ``drift``."""
    return [
        {
            "epoch": number,
            "loss": float(number) or None,
            "validation_loss": 1.0,
            "accuracy": accuracy,
            "weights": [
                {
                    "name": f"cell{row // 2}.{'weight' if row % 2 == 0 else 'bias'}",
                    "state": "trainable" if row else "frozen",
                    "mean_since_start": number * (0.1 if row else drift),
                }
                for row in range(rows)
            ],
        }
        for number in range(3)
    ]
