"""The test suite in an environment of its own.

COMMAND   python3 tests/run.py
EXPECTED  pytest's closing line, with no failure
TIME      11 to 38 minutes on two CPU cores, as fast as these are, after the environment is made (some minutes, once)

Three processes share the files between them. Needs Python 3.11 with venv and pip. Further arguments go to pytest;
`-n 0` runs all in one process.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tfp_flows import environment  # noqa: E402

if __name__ == "__main__":
    if not environment.is_entered():
        environment.enter(__file__, sys.argv[1:])
    import pytest

    os.chdir(ROOT)
    # In the order of their names: by default files of few tests, some of them long, come last, and one process waits.
    sys.exit(pytest.main(["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", *sys.argv[1:]]))
