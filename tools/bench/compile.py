# SPDX-License-Identifier: MIT
"""What a compiler has to do, in its own processor time, without ccache: units that include the library
and units that use it, header-only and with separate compilation, beside a plain websocketpp echo server;
and the sizes of stripped programs. The sources are in the folder compile/. Once, not in rounds: such times
differ little. CXX names another compiler."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import compare
import programs
from load_program import Failure

TITLE = "Compile time and size"
ECHO = compare.FIXED[1]
CORE = ["-DAGENT_WEBSOCKET_WITH_ADAPTERS=0"]
SEPARATE = ["-DAGENT_WEBSOCKET_SEPARATE_COMPILATION=1"]
WITH_MOCK_SERVER = ["-DAGENT_WEBSOCKET_SEPARATE_MOCK_SERVER=1"]
EMBED = "../../examples/embed.cpp"
# Name, source, flags, libraries when the program's size is worth a look. Tests with mocks, which are
# what the core alone is for, are not optimised.
UNITS = (("core included", "compile/core_included.cpp", CORE, None),
         ("core included, separate", "compile/core_included.cpp", CORE + SEPARATE, None),
         ("core used, with mocks", "compile/core.cpp", CORE, None),
         ("core used, separate", "compile/core.cpp", CORE + SEPARATE + WITH_MOCK_SERVER, None),
         ("everything included", "compile/everything_included.cpp", [], None),
         ("everything included, separate", "compile/everything_included.cpp", SEPARATE, None),
         ("everything used (examples/embed.cpp)", EMBED, [], ["-lssl", "-lcrypto"]),
         ("everything used, separate", EMBED, SEPARATE, None),
         ("the unit with the definitions", "../../tests/separate/implementation.cpp", SEPARATE, None),
         (ECHO, "compile/echo.cpp", ["-DASIO_STANDALONE"], []))
SERVER = "example server"
AIMS = [aim for form in ("", ", separate") for aim in (
            compare.Aim("o0", "-O0", 2, unit="s", subject="core included" + form),
            compare.Aim("o0", "-O0", 1, of=ECHO, subject="everything included" + form),
            compare.Aim("o2", "-O2", 1, of=ECHO, subject="everything included" + form))]
AIMS += [compare.Aim("mb", "stripped", 3, unit="MB", subject=SERVER)]
COLUMNS = [compare.Column("-O0, s", "o0", 1, ratio=True), compare.Column("-O2, s", "o2", 1, ratio=True),
           compare.Column("stripped, MB", "mb", 2)]


def compiler_seconds(words):
    """User and system time of the compiler and its children."""
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=output,
                              stderr=output) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise Failure(" ".join(map(str, words)) + "\n" + output.read()[:3000].decode("utf-8", "replace"))
    return used.ru_utime + used.ru_stime


def stripped_mb(program, folder):
    copy = folder / "stripped"
    shutil.copy(program, copy)
    programs.run_quietly(["strip", copy])
    return copy.stat().st_size / 1e6


def measured(unit, quick, folder):
    _, source, flags, libraries = unit
    path = (programs.HERE / source).resolve()
    command = [programs.compiler(), "-std=c++17", f"-I{programs.ROOT / 'single_include'}", *flags, path]
    figures = {"o0": compiler_seconds([*command, "-O0", "-c", "-o", folder / "unit.o"])}
    if quick or CORE[0] in flags:
        return figures
    figures["o2"] = compiler_seconds([*command, "-O2", "-c", "-o", folder / "unit.o"])
    if libraries is not None:
        compiler_seconds([programs.compiler(), folder / "unit.o", "-o", folder / "program", *libraries, "-lpthread"])
        figures["mb"] = stripped_mb(folder / "program", folder)
    return figures


class Named:
    """A row of the table."""

    def __init__(self, name, figures):
        self.name, self.figures = name, figures


def run(bench, _):
    units = [unit for unit in UNITS if not bench.quick or unit[0] == "core included"]
    with programs.folder_on_disk() as work:
        folder = Path(work)
        rows = [Named(unit[0], lambda unit=unit: measured(unit, bench.quick, folder)) for unit in units]
        rows.append(Named(SERVER, lambda: {"mb": stripped_mb(bench.server, folder)}))
        return compare.compared(bench, 1, lambda row: row.figures(), "compile", AIMS, rows, base=ECHO)


def markdown(figures):
    return compare.table(figures, COLUMNS, first="unit")
