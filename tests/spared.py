"""What TensorFlow spends time on that no test looks at: together a quarter of the suite's.

    stacks     of every operation that is traced it keeps all the frames that led there, for the text of an error
    names      of every variable that is made eagerly it makes an operation of its own, for the variable's name in the
               text of an error
    kernels    all that it has compiled it forgets where a seed is set, for the sake of what has drawn random numbers
    allowed    of every operation that is traced it writes the types that it may have been given, and asks for what only
               operations with resources have, where not to have it is an error that is caught
    types      Python looks through all classes of a protocol, as a tensor's type is, whenever an object is asked for it
    graphs     every function that is traced it rewrites to run faster, which takes longer than a few small steps do;
               where that is what is looked at, and where all models and bijectors are, it still does: see REWRITTEN

No number depends on any of it, but for the last bits, which the order of a sum decides. Where a name of TensorFlow's
own is gone, the tests fail at once.
"""

import contextlib
import functools
import gc
import typing

import pytest
import tensorflow as tf
from tensorflow.python.framework import auto_control_deps_utils, op_def_library, ops, random_seed
from tensorflow.python.ops import gen_resource_variable_ops as variable_ops
from tensorflow.python.util import object_identity

# What lasts as long as the process: the generator of a context that nothing holds would end it.
_LASTING = contextlib.ExitStack()
# Tests, files of them or folders, whose graphs are rewritten as those of users are. Every bijector is among them once,
# as it is loaded, and every model as it is trained and, whatever is said here, as the C API serves it.
REWRITTEN = (
    "tests.bijectors.test_bijectors.test_a_saved_model_brings_it_back",
    "tests.bijectors.test_reversible.test_glow_is_trained_the_same_saved_and_served",
    "tests.bridge",
    "tests.flow.test_same_seed",
    "tests.flow.test_step_order",
    "tests.models.test_models.test_fit_lowers_the_loss",
    "tests.networks.test_solvers",
    "tests.objectives",
    "tests.optimizers",
    "tests.serving",
    "tests.test_spared.test_graphs_of_this_one_are_rewritten",
)


def rewrite_graphs(test):
    """Has TensorFlow rewrite the graphs that a test or a module of them traces, or leave them as they are.

    Args:
        test: str, its name with that of its module in front, or the module's.
    """
    is_on = any(test == name or test.startswith(f"{name}.") for name in REWRITTEN)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not is_on})


@contextlib.contextmanager
def spared():
    """While it lasts. Gives a function that has everything forgotten when a seed is set the next time."""
    # It also looks through the frames of every function that is called, so as to leave some out of an error.
    tf.debugging.disable_traceback_filtering()
    with pytest.MonkeyPatch.context() as patch:
        # Later versions of Python remember it themselves.
        if hasattr(typing, "_get_protocol_attrs"):
            patch.setattr(typing, "_get_protocol_attrs", functools.cache(typing._get_protocol_attrs))
        patch.setattr(ops, "_create_c_op", functools.partial(ops._create_c_op, extract_traceback=False))
        patch.setattr(variable_ops, "var_handle_op", _without_name(variable_ops.var_handle_op))
        check = op_def_library._SatisfiesTypeConstraint
        patch.setattr(op_def_library, "_SatisfiesTypeConstraint", _only_if_wrong(check))
        resources = auto_control_deps_utils.get_read_write_resource_inputs
        patch.setattr(auto_control_deps_utils, "get_read_write_resource_inputs", _only_of_resources(resources))
        kernels = _Kernels()
        patch.setattr(random_seed, "get_seed", kernels.get_seed)
        patch.setattr(tf.random, "set_seed", kernels.set_seed)
        yield kernels.forget


def spare():
    """All of it to a process that a test starts, as long as that lives."""
    from tests.conftest import GARBAGE

    gc.set_threshold(*GARBAGE)
    rewrite_graphs("")
    _LASTING.enter_context(spared())


def _without_name(var_handle_op):
    def nameless(*args, debug_name="", **options):
        return var_handle_op(*args, debug_name="" if tf.executing_eagerly() else debug_name, **options)

    return nameless


def _only_if_wrong(check):
    def checked(dtype, attr_def, param_name):
        if attr_def.HasField("allowed_values") and dtype not in attr_def.allowed_values.list.type:
            check(dtype, attr_def, param_name)

    return checked


def _only_of_resources(get_read_write_resource_inputs):
    def read_and_written(op):
        if any(tensor.dtype == tf.resource for tensor in op.inputs):
            return get_read_write_resource_inputs(op)
        return object_identity.ObjectIdentitySet(), object_identity.ObjectIdentitySet()

    return read_and_written


class _Kernels:
    """Kept where nothing has drawn since the same seed was set: all is then as that left it.

    Whatever draws asks for a seed of its own first; a traced function does so while it is traced, and draws from then
    on without asking.
    """

    def __init__(self):
        self._get_seed, self._set_seed = random_seed.get_seed, tf.random.set_seed
        self.forget()

    def get_seed(self, op_seed):
        self._has_drawn = True
        self._draws |= not tf.executing_eagerly()
        return self._get_seed(op_seed)

    def set_seed(self, seed):
        if self._has_drawn or self._draws or seed != self._last:
            self._set_seed(seed)
            self._last, self._has_drawn = seed, False

    def forget(self):
        self._last, self._has_drawn, self._draws = None, False, False
