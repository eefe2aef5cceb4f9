"""Titles of columns as names of arguments, which a served signature and a programming language can take.

mass                   mass           a title that is a name stays as it is
Fläche (m²)            Flache_m2      accents fall off, what is no letter and no digit becomes one underscore
2019, class, 年         column_2019, class_, column_3
a b, beside a_b        a_b_2          two that would be one are numbered, also where a title comes twice
"""

import keyword
import re
import unicodedata
from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# What TensorFlow's functions take for the object that they belong to.
_TAKEN = ("self",)


def argument(title: str, number: int = 1) -> str:
    """The name of a column as an argument.

    Args:
        title: str.
        number: int, of the column, from 1: what names a title without any letter or digit of ASCII.

    Example:
        >>> from tfp_flows.data.tables.arguments import argument
        >>> argument("mass"), argument("Fläche (m²)"), argument("2019"), argument("class"), argument("年", 3)
        ('mass', 'Flache_m2', 'column_2019', 'class_', 'column_3')
    """
    if not _NAME.fullmatch(title):
        parts = unicodedata.normalize("NFKD", title.replace("ß", "ss"))
        letters = "".join(part for part in parts if not unicodedata.combining(part))
        title = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_") or str(number)
        title = title if title[0].isalpha() else f"column_{title}"
    return f"{title}_" if keyword.iskeyword(title) or title in _TAKEN else title


def arguments(titles: Sequence[str]) -> dict[str, str]:
    """Names for several columns, all different.

    Args:
        titles: strings.

    Returns:
        name -> title, in the order of the titles.

    Example:
        >>> from tfp_flows.data.tables.arguments import arguments
        >>> arguments(["a b", "a_b", "mass"])
        {'a_b_2': 'a b', 'a_b': 'a_b', 'mass': 'mass'}
        >>> arguments(["a", "a", "a_2"])
        {'a': 'a', 'a_3': 'a', 'a_2': 'a_2'}
    """
    found = [argument(title, number) for number, title in enumerate(titles, 1)]
    # A title that is a name keeps it, wherever it stands.
    taken = {name for name, title in zip(found, titles) if name == title}
    named = {}
    for name, title in zip(found, titles):
        if name != title or name in named:
            name = next(free for free in _numbered(name) if free not in taken)
            taken.add(name)
        named[name] = title
    return named


def _numbered(name):
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
