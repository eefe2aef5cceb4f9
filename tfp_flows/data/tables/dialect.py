"""How a table is written: delimiter, decimal sign and thousands separator, found in its first lines or given.

    delimiter   the one of , ; tab | that cuts most lines into the same number of cells, with no two numbers in one of
                them; else blanks
    decimal     a comma where numbers have one that is no thousands separator: 3,25 and 0,125 but not 1,234
    thousands   where it is unmistakable: 1,234,567 and 1.234,5 and 12 345

1,234 may be either. It is refused, and `decimal` or `thousands` says which.
"""

import collections
import csv
import dataclasses
import re

from tfp_flows.data import cells

NAMES = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "bar": "|", "space": " ", "blank": " ",
    "whitespace": " ", "point": ".", "dot": ".", "apostrophe": "'",
}  # fmt: skip
_SAID = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
# So many lines are looked at.
NUM_LINES = 1000
_BLANKS = " \u00a0\u202f"
_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        delimiter: str, one of , ; tab | and " ", which is any number of blanks.
        decimal: str, "." or ",".
        thousands: str, one of . , ' and " ", or None.

    Example:
        >>> from tfp_flows.data.tables.dialect import Dialect
        >>> german = Dialect(";", ",", ".")
        >>> german.split('1.234,5;"a;b"'), german.plain("1.234,5")
        (['1.234,5', 'a;b'], '1234.5')
    """

    delimiter: str = ","
    decimal: str = "."
    thousands: str | None = None

    @property
    def number(self):
        """The pattern of a number, a str."""
        digits = "[0-9]+"
        if self.thousands is not None:
            digits = f"(?:[0-9]{{1,3}}(?:{self.marks}[0-9]{{3}})+|[0-9]+)"
        point = re.escape(self.decimal)
        return rf"[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"

    @property
    def marks(self):
        """The pattern of a thousands separator, a str."""
        return {"'": "['\u2019]", " ": f"[{_BLANKS}]"}.get(self.thousands, re.escape(self.thousands or ""))

    @property
    def said(self):
        """What separates the columns, in a sentence."""
        return _SAID[self.delimiter]

    def split(self, line):
        """The cells of a line, without the blanks and the quotes around them."""
        if self.delimiter == " ":
            return [cell.strip('"') for cell in line.split()]
        if self.delimiter == ",":
            return cells.split(line)
        try:
            row = next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True, strict=True))
        except csv.Error:
            row = line.split(self.delimiter)
        return [cell.strip() for cell in row]

    def plain(self, cell):
        """A cell with a point as its decimal sign and without thousands separators where it is a number."""
        if (self.decimal, self.thousands) == (".", None) or not re.fullmatch(self.number, cell):
            return cell
        if self.thousands is not None:
            cell = re.sub(self.marks, "", cell)
        return cell.replace(self.decimal, ".")

    def canonical(self, line):
        """A line as text with commas and points has it: what was in quotes stays so."""
        if (self.delimiter, self.decimal, self.thousands) == (",", ".", None):
            return line
        if self.delimiter == " ":
            raw = line.split()
        else:
            sign = re.escape(self.delimiter)
            raw = re.findall(rf'(?:^|{sign})([ ]*"(?:[^"]|"")*"[ ]*|[^{sign}]*)', line)
        made = []
        for cell in map(str.strip, raw):
            quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
            cell = self.plain(cell[1:-1].replace('""', '"') if quoted else cell)
            text = cell.replace('"', '""')
            made.append(f'"{text}"' if quoted or "," in cell else cell)
        return ",".join(made)


def check(delimiter=None, decimal=None, thousands=None):
    """What is given of a dialect, by its signs.

    Raises:
        ValueError: for what is no such sign.
    """
    signs = {"delimiter": ",;\t| ", "decimal": ".,", "thousands": ".,' "}
    given = {"delimiter": delimiter, "decimal": decimal, "thousands": thousands}
    for name, sign in given.items():
        if sign is None:
            continue
        sign = NAMES.get(sign, sign)
        if not isinstance(sign, str) or len(sign) != 1 or sign not in signs[name]:
            able = [word for word, known in NAMES.items() if known in signs[name] and word not in ("\\t", "bar", "dot")]
            raise ValueError(f"Expected {name} to be a sign or one of {', '.join(able)}; got {sign!r}.")
        given[name] = sign
    if given["decimal"] is not None and given["decimal"] == given["thousands"]:
        raise ValueError(f"Expected another thousands separator than decimal sign; got {given['decimal']!r} for both.")
    return given


def find(lines, delimiter=None, decimal=None, thousands=None):
    """The dialect of the first lines of a table.

    Args:
        lines: list of str, those that count.
        delimiter, decimal, thousands: str, where they are given, else None.

    Returns:
        `Dialect`.

    Example:
        >>> from tfp_flows.data.tables import dialect
        >>> dialect.find(["x;y", "3,25;1", "0,5;7"])
        Dialect(delimiter=';', decimal=',', thousands=None)
    """
    lines = lines[:NUM_LINES]
    given = check(delimiter, decimal, thousands)
    if given["delimiter"] is None:
        # A comma cannot be both.
        given["delimiter"] = _delimiter(lines, [d for d in ",;\t|" if d != given["decimal"]])
    if None in (given["decimal"], given["thousands"]):
        split = Dialect(given["delimiter"]).split
        found = _signs([cell for line in lines[1:] for cell in split(line)], given["decimal"], given["thousands"])
        given |= {name: sign for name, sign in found.items() if given[name] is None and sign is not None}
    return Dialect(given["delimiter"], given["decimal"] or ".", given["thousands"])


def _delimiter(lines, candidates):
    scores = {}
    for sign in candidates:
        rows = [Dialect(sign).split(line) for line in lines[:200]]
        widths = collections.Counter(map(len, rows[1:] or rows))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if width < 2:
            continue
        found = [cell for row in rows for cell in row]
        mixed = sum(map(cells.is_run, found)) / max(len(found), 1)
        first = len(rows[0]) if rows[0][-1:] != [""] else len(rows[0]) - 1
        scores[sign] = count / max(len(rows) - 1, 1) * (1 - mixed) * (1 if first >= width - 1 and first > 1 else 0.5)
    if scores:
        return max(scores, key=scores.get)
    rows = [line.split() for line in lines]
    found = [cell for row in rows for cell in row]
    are_numbers = sum(re.fullmatch(r"[+-]?[0-9][0-9.,eE+-]*", cell) is not None for cell in found) > len(found) / 2
    return " " if are_numbers and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1 else candidates[0]


def _signs(found, decimal, thousands):
    """The decimal sign and the thousands separator that cells show; None for what they do not."""
    digits = r"[+-]?[0-9]{1,3}"
    blanks = [cell for cell in found if re.fullmatch(rf"{digits}(?:[{_BLANKS}][0-9]{{3}})+(?:[.,][0-9]+)?", cell)]
    marks = [cell for cell in found if re.fullmatch(rf"{digits}(?:['\u2019][0-9]{{3}})+(?:[.,][0-9]+)?", cell)]
    other = "'" if marks else " " if blanks else None
    bare = [re.sub(rf"['\u2019{_BLANKS}]", "", cell) for cell in found] if other else found
    commas = [cell for cell in bare if re.fullmatch(r"[+-]?[0-9.]*,[0-9]+(?:,[0-9]+)*(?:\.[0-9]+)?(?:[eE].*)?", cell)]
    points = [cell for cell in bare if re.fullmatch(rf"{digits}(?:\.[0-9]{{3}}){{2,}}(?:,[0-9]+)?", cell)]
    if thousands == "," or decimal == ".":
        return {"decimal": ".", "thousands": other or ("," if _have_groups(commas) else None)}
    if _have_groups(commas) and all(_GROUPS.fullmatch(cell.partition(".")[0]) for cell in commas):
        return {"decimal": ".", "thousands": ","}
    shown = [cell for cell in commas if not _GROUPS.fullmatch(cell) or re.match("[+-]?0", cell)]
    if decimal == "," or shown or points or (other and commas):
        mixed = points or any(re.fullmatch(rf"{digits}(?:\.[0-9]{{3}})+,[0-9]+", cell) for cell in commas)
        return {"decimal": ",", "thousands": other or ("." if mixed else None)}
    return {"decimal": None, "thousands": other}


def _have_groups(commas):
    """Whether cells have two groups of three digits, or one in front of a point."""
    return any(re.fullmatch(rf"{_GROUPS.pattern}(?:,[0-9]{{3}}|\.[0-9]+)", cell) for cell in commas)
