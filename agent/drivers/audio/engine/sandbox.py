"""No network for the process that decodes: no sockets but Unix ones, and no interfaces where the kernel allows that.

A decoder that a hostile file has taken over has nobody to talk to but the daemon, in five sentences. The filter holds
for this process, its threads and its children (ffmpeg), and cannot be taken off (seccomp(2), no_new_privs).
"""

import ctypes
import platform
import struct
from typing import Final

SOCKET_NUMBERS: Final = {"x86_64": 41, "aarch64": 198, "armv7l": 281, "armv6l": 281, "riscv64": 198}
"""Number of socket(2) by machine."""
_AF_UNIX: Final = 1
_EAFNOSUPPORT: Final = 97
_CLONE_NEWNET: Final = 0x4000_0000
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF_0000
_ERRNO: Final = 0x0005_0000
_NUMBER_AT: Final = 0
_FIRST_ARGUMENT_AT: Final = 16


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def close_the_network() -> str:
    """Take the network away from this process, for ever; how, or why not, for the log."""
    done = []
    if _leave_the_network():
        done.append("a network namespace without interfaces")
    number = SOCKET_NUMBERS.get(platform.machine())
    if number is not None and _refuse_sockets(number):
        done.append("no sockets but Unix ones")
    return " and ".join(done)


def _leave_the_network() -> bool:
    """Needs CAP_SYS_ADMIN; without it the filter has to do."""
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0)


def _refuse_sockets(number: int) -> bool:
    """socket(2) for anything but AF_UNIX answers that there is no such family."""
    steps = (
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_IF_EQUAL, 0, 3, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_IF_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)
