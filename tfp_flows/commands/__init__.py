"""The commands of the command line, one a file: `add` says what a command takes, `run` does it.

They know every part and import the heavy ones only when they run, so that help answers at once. Of the parser's
defaults that `add` may set, `check` refuses what can be refused before TensorFlow is imported, and `is_light` says that
a command never needs it.
"""

from tfp_flows.commands import (
    distill,
    evaluate,
    export,
    interpolate,
    listing,
    novelty,
    reconstruct,
    sample,
    score,
    train,
    trajectories,
)

# In the order in which the help shows them.
ALL = (listing, train, distill, evaluate, score, sample, trajectories, interpolate, reconstruct, novelty, export)
