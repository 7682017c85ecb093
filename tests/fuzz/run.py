#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the fuzz targets under libFuzzer with the address and undefined behaviour sanitizers, each for
some seconds, two beside each other. Needs clang++ with its runtime.

    tests/fuzz/run.py [--seconds N] [TARGET...]     e.g. --seconds 3600 stream_decoder

What a fuzzer has found interesting is kept in the work folder and begins the next run; an input that
breaks a target is left there too, and printed. Exit code 1 when there was one.
"""
import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = ["-std=c++17", "-g", "-O1", "-fsanitize=fuzzer,address,undefined",
         # RapidJSON's internal/stack.h adds an offset to a null pointer when its stack is empty.
         "-fno-sanitize=pointer-overflow", "-fno-sanitize-recover=all",
         "-DAGENT_WEBSOCKET_WITH_ADAPTERS=0"]


def run(name, arguments, system):
    """None when it went well, else what there is to say."""
    binary = arguments.work / name
    corpus = arguments.work / f"{name}.corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    ccache = [shutil.which("ccache")] if shutil.which("ccache") else []
    built = [ccache + [arguments.compiler, *FLAGS, *system, f"-I{ROOT / 'include'}", "-c",
                       str(ROOT / "tests/fuzz" / f"{name}.cpp"), "-o", f"{binary}.o"],
             [arguments.compiler, *FLAGS, f"{binary}.o", "-o", str(binary)]]
    for command in built:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return done.stdout.decode("utf-8", "replace")
    done = subprocess.run(
        [str(binary), f"-max_total_time={arguments.seconds}", "-timeout=20", "-max_len=65536",
         "-rss_limit_mb=2048", f"-artifact_prefix={arguments.work}/{name}-", str(corpus)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode("utf-8", "replace")
    (arguments.work / f"{name}.log").write_text(output, encoding="utf-8")
    if done.returncode:
        return output[-4000:]
    last = [line for line in output.splitlines() if line[:1] == "#" and line[1:2].isdigit()]
    print(f"{name}: {last[-1] if last else 'no input was run'}", flush=True)
    return None if last else output[-4000:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", help="default: all")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--compiler", default="clang++")
    parser.add_argument("--system", action="append", default=[], help="an include directory")
    parser.add_argument("--work", type=Path, default=ROOT / "build/fuzzers")
    arguments = parser.parse_args()
    known = sorted(path.stem for path in (ROOT / "tests/fuzz").glob("*.cpp"))
    wrong = [name for name in arguments.targets if name not in known]
    if wrong:
        parser.error(f"no such target: {', '.join(wrong)}; there are {', '.join(known)}")
    arguments.work.mkdir(parents=True, exist_ok=True)
    # A compiler's own directory must not be moved to another place in its order.
    system = [flag for path in arguments.system if path != "/usr/include"
              for flag in ("-isystem", path)]
    failed = 0
    names = arguments.targets or known
    with ThreadPoolExecutor(2) as pool:
        for name, words in zip(names, pool.map(lambda each: run(each, arguments, system), names)):
            if words is not None:
                failed += 1
                print(f"{name}: FAILED\n{words}", file=sys.stderr)
    print(f"{len(names)} fuzz targets, {arguments.seconds} s each, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
