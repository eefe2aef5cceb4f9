"""Named options with the kinds of values that they take: checked by one sentence each, with the nearest name.

Kinds are annotations as they are written, "int | None": models and loaders of data say by them what they take, and the
command line checks what it was given without importing TensorFlow.
"""

import dataclasses
import difflib
import numbers


@dataclasses.dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: str.
        kind: str, its annotation, such as "int | None".
        default: str, as the source has it; None where it must be given.
    """

    name: str
    kind: str
    default: str | None

    def takes(self, value) -> bool:
        """Whether a value, of JSON's kinds, is of the annotated kind."""
        return any(_is_of(kind.strip(), value) for kind in self.kind.split("|"))


def check(given: dict, known: dict[str, Option], owner: str, what: str = "options") -> None:
    """Refuses options that are not known, and values that are of another kind than theirs.

    Args:
        given: dict of JSON's kinds of values.
        known: dict name -> `Option`.
        owner: str, whose options they are, for the sentence.
        what: str, what they are called in it.

    Raises:
        ValueError: naming the first, what was expected and, for a name, the nearest.

    Example:
        >>> from tfp_flows import options
        >>> options.check({"flaten": 1}, {"flatten": options.Option("flatten", "bool", "True")}, "mnist")
        Traceback (most recent call last):
        ValueError: Expected options of mnist among flatten; got 'flaten' (did you mean 'flatten'?).
    """
    check_names(given, known, owner, what)
    for name, value in given.items():
        if not known[name].takes(value):
            raise ValueError(f"Expected {name} of {owner} to be of kind {known[name].kind}; got {value!r}.")


def check_names(given: dict, known: dict[str, Option], owner: str, what: str = "options") -> None:
    """Refuses options that are not known, as `check`, whatever their values are."""
    for name in given:
        if name not in known:
            raise ValueError(
                f"Expected {what} of {owner} among {', '.join(known)}; got {name!r}{did_you_mean(name, known)}."
            )


def did_you_mean(name: str, known) -> str:
    """ " (did you mean 'flatten'?)", or "" where nothing known is near.

    Args:
        name: str.
        known: iterable of str, or a dict from what a name is compared with to what is meant by it.
    """
    near = difflib.get_close_matches(name, list(known), 1)
    meant = known if isinstance(known, dict) and near and isinstance(known[near[0]], str) else {}
    return f" (did you mean {meant.get(near[0], near[0])!r}?)" if near else ""


def _is_of(kind, value):
    if kind == "None":
        return value is None
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind.startswith(("Sequence[int", "tuple[int")):
        return isinstance(value, (list, tuple)) and all(_is_of("int", part) for part in value)
    # Of a kind that JSON has no values of.
    return callable(value)
