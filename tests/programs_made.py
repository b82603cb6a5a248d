"""Programs made for the tests of diffs: small scripts with a model, and texts that mean harm."""

PROGRAM = '''"""A small program."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Hyperparameters:
    # model: tiny
    vocab_size: int = 32  # words
    num_layers: int = 2
    model_dim: int = 16
    sequence_length: int = 8  # tokens in a row
    # optimizer
    learning_rate: float = 1e-3
    # schedule
    num_iterations: int = 100  # steps
    batch_size: int = 4  # rows a step


def scaled(values, factor):
    """Each value times the factor."""
    total = []
    for value in values:
        if value > 0:
            total.append(value * factor)
        else:
            total.append(value / factor)
    return total


def check(h):
    if h.model_dim < 1:
        raise ValueError("too narrow")


class GPT(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.token_embedding = nn.Embedding(h.vocab_size, h.model_dim)
        self.blocks = nn.ModuleList([nn.Linear(h.model_dim, h.model_dim, bias=False) for _ in range(h.num_layers)])

    def forward(self, x):
        x = self.token_embedding(x)  # look up
        for block in self.blocks:
            x = x + block(x)
        return x


def make_optimizers(model, h):
    return [torch.optim.AdamW(model.parameters(), lr=h.learning_rate, betas=(0.9, 0.95), fused=True)]


def learning_rate_scale(step, h):
    return min(1.0, (h.num_iterations - step) / 20)
'''

MARKER = """
from pathlib import Path

Path({marker!r}).write_text("it was run")
"""

UNKNOWN = "def f(x):\n    match! x with | 1 -> 2\n\nprint 'old'\n"
RIGHT_TO_LEFT = "\u202e"
HOSTILE = f'''"""</script><script>hacked = 1</script><img src=x onerror="hacked=1">"""

NAME = "{RIGHT_TO_LEFT}<b>bold</b> {{{{style}}}} [red]markup[/red] \x1b[31m"
'''
