"""The virtual environment of a checkout: what the README's two commands make for themselves.

Needs nothing but Python's standard library. An environment is made where there is none, filled once from
pyproject.toml with the versions of .constraints.txt, and filled again when one of the two has changed.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent


def enter(script, argv, extras="all"):
    """Runs `script` with `argv` in the checkout's environment, making that first; does not return.

    Asked for --help, it prints what the script says of itself, and makes nothing.

    Args:
        script: str, path of a Python script.
        argv: list of str.
        extras: str, of pyproject.toml.

    The environment is the folder `.venv` of the checkout, or the one that TFP_FLOWS_ENV names.
    """
    if {"-h", "--help"} & set(argv):
        # What a script does and takes is read before two gigabytes are fetched.
        print((sys.modules["__main__"].__doc__ or "").strip())
        sys.exit(0)
    folder = pathlib.Path(os.environ.get("TFP_FLOWS_ENV") or ROOT / ".venv").absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _install(folder, python, extras)
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    env["TFP_FLOWS_ENTERED"] = str(folder)
    sys.exit(subprocess.call([str(python), str(script), *argv], env=env))


def is_entered():
    """Whether this process runs in the environment already."""
    return bool(os.environ.get("TFP_FLOWS_ENTERED"))


def _install(folder, python, extras):
    files = (ROOT / "pyproject.toml", ROOT / ".constraints.txt")
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files) + f"{extras}{ROOT}".encode()).hexdigest()
    stamp = folder / "tfp_flows.sha256"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Making the environment {folder} (about 2 GB, several minutes, once) ...", flush=True)
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", str(ROOT / ".constraints.txt"), "--editable", f"{ROOT}[{extras}]"]
    if subprocess.call(command):
        sys.exit(f"Expected pip to install tfp_flows into {folder}; it failed, see above.")
    stamp.write_text(wanted)
