"""No network for the process that decodes, and no way into other processes.

A decoder that a hostile file has taken over has nobody to talk to but the daemon, in five sentences. It may still read
what the daemon's user may read; it can tell nobody. The filter holds for this process, its threads and its children
(ffmpeg), and cannot be taken off (seccomp(2), no_new_privs); who calls as another architecture is killed.
"""

import ctypes
import errno
import socket
from typing import Any, Final

_CLONE_NEWNET: Final = 0x4000_0000
UNFILTERED: Final = "no filter"
"""What `confine` says where the network is not taken away from every thread and child."""
OTHERS: Final = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "mount", "umount2", "pivot_root", "setns"),
)
"""What reaches into other processes, or goes round the filter; no decoder and no sound driver asks for it."""


def confine() -> str:
    """Take the network and other processes away from this process, for ever; how, or why not, for the log."""
    done = []
    if _leave_the_network():
        done.append("a network namespace without interfaces")
    done.append(_filter())
    return " and ".join(done)


def _leave_the_network() -> bool:
    """Needs CAP_SYS_ADMIN; without it the filter has to do."""
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0)


def _filter() -> str:
    """socket(2) for anything but AF_UNIX answers that there is no such family; `OTHERS` are not permitted."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError) as error:  # libseccomp2 is not installed
        return f"{UNFILTERED} ({error})"
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    family = pyseccomp.Arg(0, pyseccomp.NE, socket.AF_UNIX)
    rules.add_rule(pyseccomp.ERRNO(errno.EAFNOSUPPORT), "socket", family)
    for name in OTHERS:
        _refuse(rules, pyseccomp, name)
    try:
        rules.load()
    except OSError as error:
        return f"{UNFILTERED} ({error})"
    return "no sockets but Unix ones"


def _refuse(rules: Any, pyseccomp: Any, name: str) -> None:
    """A call that this machine does not know needs no rule."""
    try:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    except (OSError, ValueError):
        return
