"""Runs one program and reports what it took: `python3 -S -E measure.py [options] REPORT -- PROGRAM ARGS...`

Wall time is taken around the process, CPU time (user and system) and peak resident memory come from the kernel's
account of it (`wait4`). With `--watch`, anonymous resident memory is read from /proc every millisecond as well: the
peak seen is a lower bound of the true one, while peak resident memory, which counts mapped files too, is an upper
bound. Watching costs time on a busy machine, so timed runs go without.

A process starts with the resident memory of its parent on its account, which is why this is a program of its own that
imports little, and why peaks under 10 MiB say nothing.
"""

import json
import os
import sys
import time

MIB = 1 << 20


def anonymous_bytes(pid, page=os.sysconf("SC_PAGE_SIZE")):
    """Resident memory that belongs to no file and is not shared; 0 once the process has ended."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            _size, resident, shared, *_ = file.read().split()
        return (int(resident) - int(shared)) * page
    except (OSError, ValueError):
        return 0


def wait(pid, watch):
    """Exit status, resources and peak of anonymous memory."""
    peak = 0
    while watch:
        peak = max(peak, anonymous_bytes(pid))
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage, peak
        time.sleep(0.001)
    _, status, usage = os.wait4(pid, 0)
    return status, usage, peak


def main():
    split = sys.argv.index("--")
    *options, report = sys.argv[1:split]
    command = sys.argv[split + 1 :]
    if "--limit-data" in options:
        import resource

        limit = int(options[options.index("--limit-data") + 1])
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    status, usage, anonymous = wait(pid, "--watch" in options)
    wall = time.perf_counter() - began
    with open(report, "w") as file:
        json.dump(
            {
                "status": os.waitstatus_to_exitcode(status),
                "wall_s": wall,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_mib": usage.ru_maxrss * 1024 / MIB,
                "anonymous_mib": anonymous / MIB,
            },
            file,
        )


main()
