"""What a `tf.Module` holds: the public properties of TensorFlow find modules and variables, and nothing else."""


def held(module, kinds, recursive=True):
    """The parts of some kinds that a module holds, and the modules below it, in the order of their attributes' names.

    Args:
        module: `tf.Module`.
        kinds: type, or tuple of types.
        recursive: bool, whether the modules below are walked too.

    Returns:
        list, each part once.

    Example:
        >>> import keras
        >>> from tfp_flows.bridge.modules import held
        >>> module, inner = tf.Module(), tf.Module()
        >>> module.inner, inner.layer = inner, keras.layers.Dense(2, name="dense")
        >>> [layer.name for layer in held(module, keras.Layer)], held(module, keras.Layer, recursive=False)
        (['dense'], [])
    """
    return list(module._flatten(recursive=recursive, predicate=lambda value: isinstance(value, kinds)))


def paths(module, kinds):
    """The same with their paths, and with what composite tensors (linear operators, distributions) hold after them.

    Args:
        module: `tf.Module`.
        kinds: type, or tuple of types.

    Returns:
        list of (path, part): path is a tuple of str and int, the shortest of those that lead to the part.

    Example:
        >>> from tfp_flows.bridge.modules import paths
        >>> module = tf.Module()
        >>> module.scales = [tf.Variable(1.0), tf.Variable(2.0)]
        >>> [path for path, _ in paths(module, tf.Variable)]
        [('scales', 0), ('scales', 1)]
    """
    seen = {}
    # Composite tensors are opened last: their paths are long.
    for expand in (False, True):
        found = module._flatten(
            predicate=lambda value: isinstance(value, kinds), with_path=True, expand_composites=expand
        )
        for path, part in found:
            seen.setdefault(id(part), (path, part))
    return list(seen.values())
