"""The text of a file in blocks of whole lines, so that a table need not fit into memory as text.

Lines that do not count are blank ones and comments, which begin with #, % or //.
"""

import gzip
import io
import re

COMMENTS = ("#", "%", "//")
# Bytes of a block: large enough that its overhead is small, small beside any memory.
BLOCK = 16 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def blocks(path, encoding=None):
    """Blocks of whole lines.

    Args:
        path: str or path of a file, gzipped where it ends in .gz.
        encoding: str, of the text; None for UTF-8, or UTF-16 where the file begins with its mark.

    Yields:
        number of the first line, from 1, and the text, whose lines end in newlines only.

    Raises:
        ValueError: for bytes of another encoding, naming their line.
    """
    with _open(path) as file:
        if file.peek(2)[:2] in _UTF16 and encoding in (None, "utf-16"):
            yield 1, _plain(_decode(file.read(), "utf-16", path, 1))
            return
        number = 1
        while raw := file.read(BLOCK):
            raw += file.readline()
            # A cell in quotes may go on in the next line.
            while raw.count(b'"') % 2 and (more := file.readline()):
                raw += more
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            text = _plain(_decode(raw, encoding or "utf-8", path, number))
            yield number, text
            number += text.count("\n")


def counted(text, number=1, most=None):
    """The lines that count, with their numbers.

    Args:
        text: str, a block.
        number: int, of its first line.
        most: int, so many at most.

    Returns:
        list of (int, str), without blanks around them.
    """
    found = []
    for number, line in enumerate(io.StringIO(text), number):
        line = line.strip(" \t\n") if "\t" not in line else line.strip(" \n")
        if line.strip() and not line.lstrip().startswith(COMMENTS):
            found.append((number, line))
            if len(found) == most:
                break
    return found


def has_comments(text):
    """Whether any line of a block may be a comment."""
    return text.startswith(COMMENTS) or any(f"\n{mark}" in text for mark in COMMENTS)


def _open(path):
    if str(path).lower().endswith(".gz"):
        return io.BufferedReader(gzip.open(path, "rb"))
    return open(path, "rb")


def _plain(text):
    return re.sub("\r\n?", "\n", text) if "\r" in text else text


def _decode(raw, encoding, path, number):
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = number + raw[: error.start].count(b"\n")
        raise ValueError(
            f"Expected {path} to be {encoding.upper()} text; got other bytes in line {line} (encoding=cp1252 reads "
            "what Windows and Excel write)."
        ) from error
    except LookupError as error:
        raise ValueError(f"Expected encoding to name one, such as utf-8 or cp1252; got {encoding!r}.") from error
