"""clock_step.py MARK SECONDS COMMAND...: runs COMMAND with a wall clock that is stepped by so many
seconds as soon as the file MARK exists. Nobody else's clock is touched, not even its children's.

Under ptrace, with the vDSO hidden from the program, so that each look at a clock is a system call
whose answer can be changed. A way to be told the time, or to be woken by it, that is not known here
ends it with 99. Otherwise its exit status is COMMAND's."""

import ctypes
import os
import platform
import signal
import struct
import sys

TRACEME, SYSCALL, SETOPTIONS, GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
TRACESYSGOOD, EXITKILL = 1, 0x100000
ENTRY, EXIT = 1, 2
AT_NULL, AT_IGNORE, AT_SYSINFO_EHDR = 0, 1, 33
WALL = {0, 5, 8, 11}  # CLOCK_REALTIME and its coarse, alarm and atomic sisters
CLOCK_GETTIME, BY_CLOCK, NEVER = {
    # clock_gettime; timerfd_create and clock_nanosleep; time and gettimeofday
    "x86_64": (228, {283, 230}, {201, 96}),
    "aarch64": (113, {85, 115}, {169}),
}[platform.machine()]

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, address=None, data=None):
    ret = libc.ptrace(request, pid, address, data)
    if ret < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return ret


def look(pid):
    """(op, stack pointer, number of the call, its arguments)"""
    buffer = ctypes.create_string_buffer(88)
    ptrace(GET_SYSCALL_INFO, pid, len(buffer), ctypes.addressof(buffer))
    op, _, _, stack, number, *arguments = struct.unpack_from("=B3xIQQQ6Q", buffer.raw)
    return op, stack, number, arguments


def hide_vdso(memory, stack):
    """The stack of a new program: argc, the arguments, 0, the environment, 0, then pairs up to AT_NULL."""

    def word(at):
        return struct.unpack("=Q", os.pread(memory, 8, at))[0]

    at = stack + 8 * (word(stack) + 2)
    while word(at):
        at += 8
    at += 8
    while word(at) != AT_NULL:
        if word(at) == AT_SYSINFO_EHDR:
            os.pwrite(memory, struct.pack("=Q", AT_IGNORE), at)
        at += 16


def call_begins(number, arguments):
    """Where the call is about to write the wall clock's time, if that is what it does."""
    if number in NEVER or (number in BY_CLOCK and arguments[0] in WALL):
        print(f"clock_step: system call {number} goes by the wall clock", file=sys.stderr)
        sys.exit(99)
    return arguments[1] if number == CLOCK_GETTIME and arguments[0] in WALL else None


def trace(pid, mark, step):
    os.waitpid(pid, 0)
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    ptrace(SETOPTIONS, pid, None, TRACESYSGOOD | EXITKILL)
    hide_vdso(memory, look(pid)[1])
    told, send = None, 0
    while True:
        ptrace(SYSCALL, pid, None, send)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        send = os.WSTOPSIG(status)
        if send != signal.SIGTRAP | 0x80:
            continue
        send = 0
        op, _, number, arguments = look(pid)
        if op == ENTRY:
            told = call_begins(number, arguments)
        elif op == EXIT and told and os.path.exists(mark):
            seconds = struct.unpack("=q", os.pread(memory, 8, told))[0]
            os.pwrite(memory, struct.pack("=q", seconds + step), told)


def main():
    mark, step, *command = sys.argv[1:]
    pid = os.fork()
    if pid == 0:
        libc.ptrace(TRACEME, 0, None, None)
        os.execvp(command[0], command)
    code = trace(pid, mark, int(step))
    sys.exit(code if code >= 0 else 128 - code)


main()
