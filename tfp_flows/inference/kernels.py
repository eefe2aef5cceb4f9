"""Kernels within kernels of TFP, and their results within results: one holds the target, the others stand around it."""

from __future__ import annotations

import tensorflow_probability as tfp


def stack(kernel):
    """The kernel and those within, from the outside; the last one holds the target.

    Raises:
        ValueError: where it is no kernel, or none holds a target.
    """
    if not isinstance(kernel, tfp.mcmc.TransitionKernel):
        raise ValueError(f"Expected a tfp.mcmc.TransitionKernel; got {kernel!r}.")
    found = [kernel]
    while "target_log_prob_fn" not in found[-1].parameters:
        if "inner_kernel" not in found[-1].parameters:
            raise ValueError(f"Expected a kernel with a target_log_prob_fn; got {type(found[-1]).__name__}.")
        found.append(found[-1].parameters["inner_kernel"])
    return found


def field_within(results):
    """The name of the field that holds the results of the kernel within, or None."""
    return next((name for name in ("inner_results", "accepted_results") if hasattr(results, name)), None)


def results_stack(results):
    """The results and those within, from the outside."""
    found = [results]
    while (name := field_within(found[-1])) is not None:
        found.append(getattr(found[-1], name))
    return found


def field(results, name):
    """The field of that name of the results or of those within, the outermost; None where none has it."""
    return next((getattr(one, name) for one in results_stack(results) if hasattr(one, name)), None)
