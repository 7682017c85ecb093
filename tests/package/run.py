#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the two programs of this folder in each way a user can take the library.

find_package after an install, with the server compiled once (agent_websocket_compile_once),
add_subdirectory, pkg-config, a Meson subproject, and the bare single header; or, with --readme, the one
compiler line of the README. Everything happens in --work, which is emptied first. With the compiler
launcher that CMake takes from its environment (ccache) a second run costs little.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JOBS = 2

CMAKE_CONSUMER = """
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES CXX)
{take}
foreach(part core adapters)
  add_executable(${{part}} {sources}/${{part}}.cpp)
endforeach()
target_link_libraries(core PRIVATE agent_websocket::agent_websocket)
target_link_libraries(adapters PRIVATE {adapters})
"""

MESON_CONSUMER = """
project('consumer', 'cpp', default_options: ['cpp_std=c++17'])
library = subproject('agent_websocket')
executable('core', 'core.cpp', dependencies: library.get_variable('agent_websocket_dep'))
executable('adapters', 'adapters.cpp',
  dependencies: library.get_variable('agent_websocket_adapters_dep'))
"""


class Failed(Exception):
    pass


def command(*words, cwd=None, **environment):
    """The output of a command that has to succeed."""
    words = [str(word) for word in words]
    run = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        cwd=cwd,
    )
    output = run.stdout.decode("utf-8", "replace")
    if run.returncode != 0:
        raise Failed(" ".join(words) + "\n" + output)
    return output


class Ways:
    def __init__(self, arguments):
        self.work = arguments.work.resolve()
        self.cmake = arguments.cmake
        self.generator = arguments.generator
        self.compiler = arguments.compiler
        launcher = os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER")
        self.launched = [*([launcher] if launcher else []), self.compiler]
        # A compiler's own directory must not be moved to another place in its order.
        elsewhere = [path for path in arguments.system if path != "/usr/include"]
        self.system = [flag for path in elsewhere for flag in ("-isystem", path)]
        self.prefix = self.work / "prefix"

    def configure(self, source, build, *options):
        settings = [f"-DCMAKE_CXX_COMPILER={self.compiler}"]
        settings += ["-G", self.generator] if self.generator else []
        command(self.cmake, "-S", source, "-B", build, *settings, *options)

    def install(self):
        build = self.work / "install"
        options = [f"-DAGENT_WEBSOCKET_BUILD_{what}=OFF" for what in ("TESTS", "EXAMPLES")]
        self.configure(ROOT, build, f"-DCMAKE_INSTALL_PREFIX={self.prefix}", *options)
        command(self.cmake, "--build", build, "--target", "install")

    def with_cmake(self, name, take, *options, adapters="agent_websocket::adapters"):
        source = self.work / name
        source.mkdir()
        text = CMAKE_CONSUMER.format(take=take, sources=HERE.as_posix(), adapters=adapters)
        (source / "CMakeLists.txt").write_text(text, encoding="utf-8")
        self.configure(source, source / "build", *options)
        command(self.cmake, "--build", source / "build")
        return source / "build"

    def find_package(self):
        take = ("find_package(agent_websocket 0.1 REQUIRED COMPONENTS adapters)\n"
                "agent_websocket_compile_once(agent agent_websocket::adapters)")
        return self.with_cmake("find_package", take, f"-DCMAKE_PREFIX_PATH={self.prefix}", adapters="agent")

    def add_subdirectory(self):
        take = f"add_subdirectory({ROOT.as_posix()} agent_websocket)"
        return self.with_cmake("add_subdirectory", take)

    def pkg_config(self):
        target = self.work / "pkg_config"
        target.mkdir()
        folder = next(self.prefix.rglob("agent_websocket.pc")).parent
        for part, package in (("core", "agent_websocket"), ("adapters", "agent_websocket-adapters")):
            flags = command("pkg-config", "--cflags", "--libs", package, PKG_CONFIG_PATH=str(folder))
            self.compile(target, part, *shlex.split(flags))
        return target

    def bare_header(self):
        target = self.work / "bare_header"
        target.mkdir()
        shutil.copy(ROOT / "single_include/agent_websocket.hpp", target)
        self.compile(target, "core", "-I", target, "-DAGENT_WEBSOCKET_WITH_ADAPTERS=0")
        libraries = ["-lssl", "-lcrypto", "-pthread"]
        self.compile(target, "adapters", "-I", target, *libraries)
        return target

    def readme_line(self):
        """The line that the README gives, as it stands there, in a copy of what it needs. It makes a
        server, which is asked for nothing but its complaint about a wrong setting."""
        target = self.work / "readme"
        for name in ("single_include", "examples"):
            shutil.copytree(ROOT / name, target / name)
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        lines = re.findall(r"<!-- build line -->\n```sh\n(g\+\+ [^\n]+)\n```\n<!-- end -->", text)
        if len(lines) != 1:
            raise Failed(f"README.md: one build line expected, {len(lines)} found")
        flags = [*shlex.split(lines[0])[1:], *map(str, self.system)]
        command(self.compiler, *flags, cwd=target)
        made = subprocess.run([target / "embed"], env={"PORT": "no port"}, capture_output=True, text=True)
        if made.returncode != 2 or "PORT" not in made.stderr:
            raise Failed(f"embed ended with {made.returncode}: {made.stderr}")

    def compile(self, target, part, *flags):
        made = target / f"{part}.o"
        of_linker = [flag for flag in flags if str(flag).startswith(("-l", "-L", "-pthread"))]
        of_compiler = [flag for flag in flags if not str(flag).startswith(("-l", "-L"))]
        command(*self.launched, "-std=c++17", *self.system, *of_compiler,
                "-c", HERE / f"{part}.cpp", "-o", made)
        command(self.compiler, made, *of_linker, "-o", target / part)

    def meson_subproject(self):
        source = self.work / "meson"
        copy = source / "subprojects/agent_websocket"
        copy.mkdir(parents=True)
        for name in ("meson.build", "meson_options.txt", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        for name in ("include", "single_include", "tools"):
            shutil.copytree(ROOT / name, copy / name)
        for part in ("core", "adapters"):
            shutil.copy(HERE / f"{part}.cpp", source)
        (source / "meson.build").write_text(MESON_CONSUMER, encoding="utf-8")
        command("meson", "setup", "--buildtype=plain", source / "build", source,
                CXX=" ".join(self.launched))
        command("meson", "compile", "-C", source / "build")
        return source / "build"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--generator", help="CMake's; its own choice may not be installed")
    parser.add_argument("--system", action="append", default=[], help="an include directory")
    parser.add_argument("--readme", action="store_true", help="the line of the README, nothing else")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    ways = Ways(arguments)
    shutil.rmtree(ways.work, ignore_errors=True)
    ways.work.mkdir(parents=True)
    def build_and_run(way):
        folder = way()
        output = [command(folder / part) for part in ("core", "adapters")]
        if [line.split()[0] for line in output] != ["core", "adapters"]:
            raise Failed(f"the programs printed {output}")

    def attempt(way):
        try:
            way() if way == ways.readme_line else build_and_run(way)
        except Failed as failed:
            return failed
        return None

    if arguments.readme:
        every = [ways.readme_line]
    else:
        try:
            ways.install()
        except Failed as failed:
            print(f"install: {failed}", file=sys.stderr)
            return 1
        every = [ways.find_package, ways.add_subdirectory, ways.pkg_config, ways.bare_header]
        if shutil.which("meson"):
            every.append(ways.meson_subproject)
        else:
            print("no meson: the subproject is not tried")
    failures = 0
    with ThreadPoolExecutor(JOBS) as pool:
        for way, failed in zip(every, pool.map(attempt, every)):
            if failed:
                failures += 1
                print(f"{way.__name__}: {failed}", file=sys.stderr)
    print(f"{len(every) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
