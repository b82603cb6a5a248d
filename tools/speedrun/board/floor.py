"""The floor of a track whose text has a known entropy: which runs are below what any honest model can reach."""

import math

from speedrun.reading.runs import Run

# The floor is the mean of -log p over the very tokens validated, p the true probability. An honest model q, chosen
# without these tokens, may fit them better than p by luck, but the expectation of the product of q/p is at most 1, so
# by Markov's inequality its mean loss is below floor - log(1 / LUCK) / tokens with a probability of at most LUCK:
# 0.00016 nats for 131,072 tokens. No assumption on the model, no normal approximation.
LUCK = 1e-9
ROUNDING = 1e-6  # nats: a log has 6 decimals, and a float32 softmax sums to 1 within about that


def below_floor(run: Run, floor: float | None) -> bool:
    """Whether any validation is lower than an honest model can be, luck and rounding allowed for."""
    if floor is None or not run.val:
        return False
    available = sum(shard.tokens for shard in run.header.val_data) - 1  # the first token is not predicted
    asked = run.header.hyperparameters.get("val_tokens")
    tokens = min(asked, available) if isinstance(asked, int) and asked > 0 else available
    slack = math.log(1 / LUCK) / max(tokens, 1) + ROUNDING
    return min(point.loss for point in run.val) < floor - slack
