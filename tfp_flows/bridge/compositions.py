"""What TFP's compositions are made of (`tfb.Chain`, `tfb.JointMap`, `tfb.Blockwise`), part by part."""


def walk(bijector, way, step, value, /, **kwargs):
    """Hands a value from part to part of a composition.

    Args:
        bijector: `tfb.Composition`.
        way: "forward" or "inverse".
        step: function of (part, value, **kwargs of the part) that gives the part's image of the value.
        value: tensor, or a structure of them.
        **kwargs: those of the composition: a part's are given by its name.

    Returns:
        what the last part gave.

    Example:
        >>> from tfp_flows.bridge.compositions import walk
        >>> walk(tfb.Chain([tfb.Exp(), tfb.Tanh()]), "inverse", lambda part, value: value + [part.name], [])
        ['exp', 'tanh']
    """
    return getattr(bijector, f"_walk_{way}")(step, value, **kwargs)
