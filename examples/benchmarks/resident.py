"""Memory of this process, as Linux tells it; glibc only where the C library is told what to keep."""

import ctypes
import pathlib
import re

MIB = 2**20
# What the C library itself arrives at in a program that frees large blocks, and what shows what is in use.
USUAL, AT_ONCE = 2**25, 2**16


def resident(key="VmRSS"):
    """A line of /proc/self/status, in bytes: VmRSS, or VmHWM, the peak."""
    text = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{key}:\s+(\d+) kB", text)[1])


def forget_peak():
    """Sets the peak back to what is resident now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def take_from_system(size):
    """Has the C library take blocks of this size or more from the system, and return them when they are freed."""
    threshold = -3  # M_MMAP_THRESHOLD of malloc.h
    if not ctypes.CDLL("libc.so.6").mallopt(threshold, size):
        raise OSError("Expected a C library whose malloc can be told when to give memory back; got another.")
