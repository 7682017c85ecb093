# SPDX-License-Identifier: MIT
"""What the operating system says of a process, and of the machine."""
import contextlib
import os
import platform
import re
import resource
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    """User and system time of the process, all of its threads. Nanoseconds where the kernel counts
    them: a tick of /proc/PID/stat is 10 ms."""
    with contextlib.suppress(OSError, IndexError):
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text("ascii").split()[0])
        if total:
            return total / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_bytes(pid):
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"), re.M)
    return int(found[1]) * 1024


def disk_bytes(pid):
    """What the process has sent to the disk."""
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text("ascii"), re.M)[1])


def look(pid):
    return {"cpu": cpu_seconds(pid), "rss": resident_bytes(pid), "time": time.monotonic()}


def raise_descriptor_limit(wanted=65536):
    """For what we start; gives what there is then."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def first_line(*command):
    with contextlib.suppress(OSError):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).partition("\n")[0].strip()
    return ""


def machine(compiler):
    """What figures depend on."""
    processor = ""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
        processor = found[1].strip() if found else ""
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE
    return {"processors": len(os.sched_getaffinity(0)), "processor": processor or platform.machine(),
            "memory_gib": round(memory / 2**30, 1), "kernel": f"{platform.system()} {platform.release()}",
            "compiler": first_line(compiler, "--version"), "python": platform.python_version(),
            "node": first_line("node", "--version")}
