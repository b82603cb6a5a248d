"""The library that the verbs share: reading (logs, tracks, milestones, shards), deciding, showing.

It imports no training script; a run log is all that passes between training and tooling.
"""
