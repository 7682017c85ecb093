#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one fault per rule of the tools in a small tree and sees each of them reported."""
import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "tools"
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOOLS), str(TOOLS / "bench")]

import amalgamate  # noqa: E402
import check_layers  # noqa: E402
import compare  # noqa: E402
import group_tests  # noqa: E402
import load_program  # noqa: E402
import peer_servers  # noqa: E402
import plot  # noqa: E402
import tally  # noqa: E402

OPENING = "// SPDX-License-Identifier: MIT\n//\n// What it is,\n// and what it is not.\n#pragma once\n\n"
VERSION = "".join(
    f"#define AGENT_WEBSOCKET_VERSION_{part} {number}\n"
    for part, number in (("MAJOR", 3), ("MINOR", 1), ("PATCH", 4))
)


def own(*names):
    return "".join(f"#include <agent_websocket/{name}.hpp>\n" for name in names)


class Tree(unittest.TestCase):
    """A good tree in a temporary directory, for the cases to spoil."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.write("LICENSE", "MIT License\n")
        self.header("base/version", VERSION)
        self.header("json/reader", own("base/version") + "#include <rapidjson/reader.h>\n")
        self.header("http/url", own("base/version") + "#include <string>\n")
        self.header("policy/store", own("http/url"))
        self.header("session/core", own("policy/store"))
        self.header("testing/mock", own("policy/store"))
        inside = "#if AGENT_WEBSOCKET_WITH_ADAPTERS\n#include <asio/post.hpp>\n#endif\n"
        self.header("adapters/net", own("policy/store") + inside + "#include <mutex>\n")
        self.header("host/server", own("session/core", "adapters/net") + inside)
        self.umbrella("json/reader", "testing/mock", "host/server")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def header(self, name, body, opening=OPENING):
        self.write(f"include/agent_websocket/{name}.hpp", opening + body)
        self.write(f"tests/unit/{name}.cpp", own(name) + "#include <doctest/doctest.h>\n")

    def umbrella(self, *names, more=""):
        self.write("include/agent_websocket.hpp", OPENING + own(*names) + more)


class Amalgamate(Tree):
    def text(self):
        return amalgamate.amalgamate(self.root)

    def refused(self, pattern):
        with self.assertRaisesRegex(amalgamate.Fault, pattern):
            self.text()

    def test_good_tree(self):
        text = self.text()
        self.assertTrue(text.startswith(amalgamate.SPDX + "\n"))
        self.assertEqual(text.count("SPDX"), 1)
        self.assertEqual(text.count("#pragma once"), 0)
        self.assertIn("Agent WebSocket 3.1.4", text)
        self.assertIn("// MIT License", text)
        self.assertIn("// What it is,\n// and what it is not.\n", text)
        self.assertEqual(text.count("--- agent_websocket/policy/store.hpp"), 1)
        self.assertNotIn("#include <agent_websocket", text)
        self.assertNotIn(str(self.root), text)
        self.assertLess(text.index("--- agent_websocket/http/url"), text.index("policy/store.hpp"))

    def test_repeated_system_include_is_dropped_outside_if_only(self):
        self.header("policy/store", own("http/url") + "#include <string>\nint after;\n")
        self.assertEqual(self.text().count("#include <string>"), 1)
        self.assertEqual(self.text().count("#include <asio/post.hpp>"), 2)

    def test_comments_and_strings_are_no_directives(self):
        body = '/*\n#include <agent_websocket/none.hpp>\n*/\nauto a = R"(\n#define LEAK\n\n\nend  \n)";\n'
        body += "int n = 1'000; // R\"(\n#include <vector>\nchar c = '\"';  // '\n"
        self.header("http/url", body)
        self.umbrella("base/version", "json/reader", "testing/mock", "host/server")
        self.assertIn(body.split("*/\n")[1], self.text())

    def test_cycle(self):
        self.header("base/version", VERSION + own("json/reader"))
        self.refused(r"base/version.hpp:10: include cycle: .*reader.hpp -> .*version.hpp -> .*reader.hpp")

    def test_header_that_includes_itself(self):
        self.header("http/url", own("http/url"))
        self.refused("include cycle: agent_websocket/http/url.hpp -> agent_websocket/http/url.hpp$")

    def test_missing_header(self):
        self.header("http/url", "\n" + own("base/none"))
        self.refused(r"^include/agent_websocket/http/url.hpp:8: missing header <.*base/none.hpp>")

    def test_missing_umbrella(self):
        (self.root / "include/agent_websocket.hpp").unlink()
        self.refused("missing header <agent_websocket.hpp>")

    def test_own_include_inside_if(self):
        self.header("session/core", "#ifdef X\n#else\n  #  include <agent_websocket/http/url.hpp>\n#endif\n")
        self.refused("session/core.hpp:9: own include .* inside #if")

    def test_own_include_in_quotes(self):
        self.header("session/core", '#include "agent_websocket/http/url.hpp"\n')
        self.refused("session/core.hpp:7: own header in quotes")

    def test_no_pragma_once(self):
        self.header("http/url", "", OPENING.replace("#pragma once", "// #pragma once"))
        self.refused("http/url.hpp:1: no #pragma once")

    def test_no_spdx(self):
        self.header("http/url", "", "\n" + OPENING)
        self.refused("http/url.hpp:1: the first line")

    def test_unreached_header(self):
        self.header("wire/lost", "")
        self.refused("include/agent_websocket/wire/lost.hpp:1: not reached")

    def test_unreached_file_of_another_kind(self):
        self.write("include/agent_websocket/wire/lost.ipp", "")
        self.refused("wire/lost.ipp:1: not reached")

    def test_leaked_macro(self):
        self.header("http/url", "#define AGENT_WEBSOCKET_X 1\n#if 1\n#  define CHECK_(x) x\n#endif\n")
        self.refused("http/url.hpp:9: leaked macro CHECK_")

    def test_macro_leaked_after_undef(self):
        self.header("http/url", "#undef CHECK_\n#define CHECK_(x) x\n")
        self.refused("http/url.hpp:8: leaked macro CHECK_")

    def test_macro_taken_back(self):
        self.header("http/url", "#define CHECK_(x) x\n#undef CHECK_\n#define ASIO_STANDALONE\n")
        self.text()

    def run_tool(self, *options):
        command = [sys.executable, str(TOOLS / "amalgamate.py"), "--root", str(self.root), *options]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_check(self):
        self.assertEqual(self.run_tool("--check").returncode, 1, "there is no header yet")
        self.assertEqual(self.run_tool().returncode, 0)
        self.assertEqual(self.run_tool("--check").returncode, 0)
        self.header("http/url", "int changed;\n")
        stale = self.run_tool("--check")
        self.assertEqual(stale.returncode, 1)
        self.assertIn(b"\n+int changed;\n", stale.stdout)
        self.header("http/url", own("http/none"))
        self.assertEqual(self.run_tool("--check").returncode, 1)


class Layers(Tree):
    def faults(self):
        return check_layers.check(self.root)

    def reported(self, pattern):
        self.assertEqual(len(self.faults()), 1, self.faults())
        self.assertRegex(self.faults()[0], pattern)

    def test_good_tree(self):
        self.assertEqual(self.faults(), [])

    def test_upward_include(self):
        self.header("http/url", own("session/core"))
        self.reported("^include/agent_websocket/http/url.hpp:7: http/ must not include session/")

    def test_rooms_of_one_rank(self):
        self.header("http/url", own("json/reader"))
        self.reported("http/url.hpp:7: http/ must not include json/")

    def test_edge_above_policies(self):
        self.header("adapters/net", own("session/core"))
        self.reported("adapters/ must not include session/")

    def test_edges_do_not_see_each_other(self):
        self.header("testing/mock", own("adapters/net"))
        self.reported("testing/ must not include adapters/")

    def test_edge_seen_from_a_room(self):
        self.header("session/core", own("adapters/net"))
        self.reported("session/ must not include adapters/")

    def test_host_does_not_see_testing(self):
        self.header("host/server", own("testing/mock"))
        self.reported("host/ must not include testing/")

    def test_umbrella_is_no_header_for_a_room(self):
        self.header("session/core", "#include <agent_websocket.hpp>\n")
        self.reported("session/core.hpp:7: <agent_websocket.hpp> is no header of a room")

    def test_unknown_room(self):
        self.header("extras/thing", "")
        self.reported("include/agent_websocket/extras/thing.hpp:1: belongs to no room")

    def test_rapidjson_named_outside_json(self):
        self.header("http/url", "// RapidJSON may be spoken of.\n\nusing r = rapidjson::Reader;\n")
        self.reported("http/url.hpp:9: names RapidJSON outside json/")

    def test_rapidjson_included_outside_json(self):
        self.header("http/url", "#include <rapidjson/reader.h>\n")
        self.reported("http/url.hpp:7: <rapidjson/reader.h> outside json/")

    def test_third_party_outside_adapters(self):
        names = "asio.hpp asio/post.hpp websocketpp/frame.hpp curl/curl.h openssl/ssl.h sqlite3.h "
        for name in (names + "hiredis/hiredis.h").split():
            with self.subTest(name):
                self.header("session/core", f"#if 1\n#include <{name}>\n#endif\n")
                self.reported(f"session/core.hpp:8: <{name}> outside adapters/")

    def test_host_knows_asio_only(self):
        self.header("host/server", "#if 1\n#include <curl/curl.h>\n#endif\n")
        self.reported("host/server.hpp:8: <curl/curl.h> outside adapters/")

    def test_third_party_without_switch(self):
        self.header("adapters/net", "#include <curl/curl.h>\n")
        self.reported("adapters/net.hpp:7: <curl/curl.h> must stand inside #if")

    def test_threads(self):
        for name in sorted(check_layers.THREAD_HEADERS):
            with self.subTest(name):
                self.header("testing/mock", f"#include <{name}>\n")
                self.reported(f"testing/mock.hpp:7: <{name}> outside")

    def test_clock(self):
        self.header("session/core", "auto t = std::chrono::steady_clock::now();\n")
        self.reported("session/core.hpp:7: reads a clock")

    def test_long_header(self):
        self.header("http/url", "\n" * 344 + "int x;\n")
        self.reported("http/url.hpp:351: 351 lines, at most 350")

    def test_definitions_need_config(self):
        self.header("base/config", "")
        self.header("http/url", own("base/config") + "\n#if AGENT_WEBSOCKET_DEFINITIONS\n#endif\n")
        self.assertEqual(self.faults(), [])
        self.header("http/url", "\n#if AGENT_WEBSOCKET_DEFINITIONS\n#endif\n")
        self.reported("http/url.hpp:8: needs <agent_websocket/base/config.hpp>")

    def test_definitions_count(self):
        self.header("base/config", "")
        self.header("http/url", own("base/config") + "\n" * 300 + "#if AGENT_WEBSOCKET_DEFINITIONS\n" + "\n" * 45 + "#endif\n")
        self.reported("http/url.hpp:351: 354 lines, at most 350")

    def test_short_opening(self):
        self.header("http/url", "", "// SPDX-License-Identifier: MIT\n// One line.\n#pragma once\n")
        self.reported("http/url.hpp:1: opens with 1 comment lines")

    def test_no_spdx(self):
        self.header("http/url", "", "\n" + OPENING)
        self.reported("http/url.hpp:1: the first line")

    def test_umbrella_without_opening(self):
        self.write("include/agent_websocket.hpp", "// SPDX-License-Identifier: MIT\n#pragma once\n")
        self.reported("include/agent_websocket.hpp:1: opens with 0")

    def test_missing_test(self):
        (self.root / "tests/unit/http/url.cpp").unlink()
        self.reported("http/url.hpp:1: has no test: tests/unit/http/url.cpp")

    def test_other_header_first(self):
        self.write("tests/unit/http/url.cpp", "#include <string>\n" + own("http/url"))
        self.reported("^tests/unit/http/url.cpp:1: the first include is not")

    def test_test_without_include(self):
        self.write("tests/unit/http/url.cpp", "// nothing\n")
        self.reported("tests/unit/http/url.cpp:1: does not include")

    def test_adapter_tested_elsewhere(self):
        (self.root / "tests/unit/adapters/net.cpp").unlink()
        self.write("tests/loopback/net.cpp", own("adapters/net"))
        self.assertEqual(self.faults(), [])


class DoctestRun(Tree):
    def run_on(self, summary, code):
        binary = self.root / "binary"
        binary.write_text(f"#!/bin/sh\necho noise\necho '{summary}'\nexit {code}\n")
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        command = [sys.executable, str(TOOLS / "doctest_run.py"), str(binary), "unit/json"]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_outcomes(self):
        good = "[doctest] test cases:  3 |  3 passed | 0 failed | 0 skipped"
        passed = self.run_on(good, 0)
        self.assertEqual(passed.returncode, 0)
        self.assertNotIn(b"noise", passed.stdout)
        self.assertEqual(self.run_on(good.replace("3", "0"), 0).returncode, 1, "nothing ran")
        self.assertEqual(self.run_on("no summary", 0).returncode, 1)
        failed = self.run_on(good, 1)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(b"noise", failed.stdout)


class GroupTests(Tree):
    def group(self, *names):
        tests = (self.root / "tests").resolve()
        return group_tests.group([tests / name for name in names], tests)

    def fault(self, text):
        self.write("tests/flow/bad.cpp", text)
        with self.assertRaises(group_tests.Fault) as caught:
            self.group("flow/bad.cpp")
        return str(caught.exception)

    def test_plan(self):
        tests = (self.root / "tests").resolve()
        names = ["flow/a.cpp", "flow/b.cpp", "flow/c.cpp", "policy/a.cpp", "unit/json/a.cpp",
                 "unit/wire/a.cpp", "unit/wire/b.cpp"]
        groups = group_tests.plan([tests / name for name in names], 2, tests)
        self.assertEqual([[each.relative_to(tests).as_posix() for each in group] for group in groups],
                         [names[:2], names[2:3], names[3:4], names[4:6], names[6:]])

    def test_includes_come_first_and_once(self):
        self.write("tests/flow/beside.hpp", "#pragma once\n")
        self.write("tests/flow/a.cpp", '#include "beside.hpp"  // why\n#include <string>\n')
        self.write("tests/unit/b.cpp", '#include "flow/beside.hpp"\n#include "../flow/beside.hpp"\n')
        self.assertEqual(
            self.group("flow/a.cpp", "unit/b.cpp"),
            '#include "flow/beside.hpp"\n#include <string>\n'
            'namespace flow_a {\n#include "flow/a.cpp"\n}\n'
            'namespace unit_b {\n#include "unit/b.cpp"\n}\n')

    def test_what_cannot_stand_in_a_namespace_comes_last(self):
        self.write("tests/flow/a.cpp", 'extern "C" int f();\n#ifdef X\n#include <x.h>\n#endif\n')
        self.write("tests/flow/b.cpp", "namespace agent_websocket {}\n")
        self.write("tests/flow/c.cpp", "")
        self.assertEqual(self.group("flow/a.cpp", "flow/b.cpp", "flow/c.cpp"),
                         'namespace flow_c {\n#include "flow/c.cpp"\n}\n'
                         '#include "flow/a.cpp"\n#include "flow/b.cpp"\n')

    def test_faults(self):
        self.assertIn("flow/bad.cpp:2: ", self.fault("#if X\n#include <string>\n#endif\n"))
        self.assertIn("macro", self.fault("#define X\n"))
        self.assertIn("no guard", self.fault("#include <cassert>\n"))

    def test_unchanged_file_keeps_its_time(self):
        output = self.root / "group.cpp"
        command = [sys.executable, str(TOOLS / "group_tests.py"), str(output),
                   str(ROOT / "tests/unit/base/ids.cpp")]
        subprocess.run(command, check=True)
        os.utime(output, (1, 1))
        subprocess.run(command, check=True)
        self.assertEqual(output.stat().st_mtime, 1)


class Benchmark(unittest.TestCase):
    """What makes a table of single runs."""

    def test_readme_keeps_what_is_not_measured_again(self):
        # --rounds=-1 is refused too, behind it: nothing is ever measured or written here.
        done = subprocess.run([TOOLS / "bench/run", "--readme", "--rounds=-1", "compile"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout.decode(), "--readme would take away .*: idle, relay, ")

    class Subject:
        def __init__(self, name):
            self.name = name

    def runs(self, figures, rounds):
        """`figures` are lists of what each round gives, by the subject's name."""
        order, given = [], {name: list(of) for name, of in figures.items()}

        def next_of(subject):
            order.append(subject.name)
            value = given[subject.name].pop(0)
            if value is None:
                raise load_program.Failure("it has fallen over")
            return {"us": value}

        with contextlib.redirect_stderr(io.StringIO()):
            made = compare.interleaved([self.Subject(name) for name in figures], rounds, next_of, "title")
        return order, *made

    def test_subjects_take_turns(self):
        order, runs, _ = self.runs({"a": [1, 2, 3], "b": [4, 5, 6]}, 3)
        self.assertEqual(order, ["a", "b", "b", "a", "a", "b"])
        self.assertEqual(runs["b"], [{"us": 4}, {"us": 5}, {"us": 6}])

    def test_ratio_is_within_the_round(self):
        # Each round costs both ten times the last one's; medians of all would give 10.
        _, runs, left_out = self.runs({"ours": [2, 20, 200], "floor": [1, 10, 100]}, 3)
        figures = compare.summed_up(runs, left_out, "floor", [compare.Aim("us", "CPU", 2, of="floor"),
                                                              compare.Aim("us", "CPU", 19, unit="µs"),
                                                              compare.Aim("us", "CPU", 1, of=compare.PEERS)])
        self.assertEqual(figures["ratios"]["ours"]["us"], 2)
        self.assertEqual(figures["medians"]["ours"]["us"], 20)
        self.assertEqual([aim["met"] for aim in figures["aims"]], [True, False])
        table = compare.table(figures, [compare.Column("µs", "us", 1, ratio=True)])
        self.assertIn("| ours | 20.0 | 2.00× | CPU ≤ 2× floor: met (2×); CPU ≤ 19 µs: not met (20 µs) |", table)

    def test_one_failed_run_is_left_out_and_two_the_subject(self):
        _, runs, left_out = self.runs({"ours": [2, None, 6], "floor": [1, 1, 2], "bad": [None, None]}, 3)
        self.assertEqual(list(left_out), ["bad"])
        self.assertIn("it has fallen over", left_out["bad"])
        self.assertEqual(compare.ratio(runs, "ours", "floor", "us"), 2.5)
        self.assertNotIn("bad", runs)

    def test_aim_to_peers_is_to_the_best_of_them(self):
        _, runs, left_out = self.runs({"ours": [6, 6], "floor": [1, 1], "slow": [12, 12], "quick": [4, 4]}, 2)
        aims = [compare.Aim("us", "CPU", 1, of=compare.PEERS), compare.Aim("us", "CPU", 2, of=compare.PEERS)]
        judged = compare.summed_up(runs, left_out, "floor", aims, ["slow", "quick", "not there"])["aims"]
        self.assertEqual([(aim["aim"], aim["value"], aim["met"]) for aim in judged],
                         [("CPU ≤ 1× the best peer, quick", 1.5, False),
                          ("CPU ≤ 2× the best peer, quick", 1.5, True)])
        self.assertEqual(compare.summed_up(runs, left_out, "floor", aims)["aims"], [])

    def test_aim_to_a_peer_without_any_cost_is_no_ratio(self):
        # What memory has grown by can be nothing; then another peer is not the best one.
        _, runs, left_out = self.runs({"ours": [6], "dear": [12], "free": [-1]}, 1)
        figures = compare.summed_up(runs, left_out, "floor", [compare.Aim("us", "memory", 1, of=compare.PEERS)],
                                    ["dear", "free"])
        self.assertEqual([(aim["value"], aim["met"]) for aim in figures["aims"]], [(None, None)])
        self.assertIn("nothing to compare of the best peer, free", compare.aim_words(figures["aims"][0]))

    def test_aim_is_to_the_subject_of_that_name(self):
        _, runs, left_out = self.runs({"ours": [4], "floor": [2], "floor-old": [1]}, 1)
        aims = compare.summed_up(runs, left_out, "floor", [compare.Aim("us", "CPU", 2, of="floor")])["aims"]
        self.assertEqual([(aim["value"], aim["met"]) for aim in aims], [(2, True)])

    def test_peers_are_whole(self):
        """What npm installs is what package.json names, and each server can be read."""
        wanted = json.loads((peer_servers.SOURCES / "package.json").read_text(encoding="utf-8"))["dependencies"]
        locked = json.loads(peer_servers.LOCK.read_text(encoding="utf-8"))["packages"]
        self.assertEqual({name: locked[f"node_modules/{name}"]["version"] for name in wanted}, wanted)
        if not shutil.which("node"):
            self.skipTest("there is no node")
        for each in peer_servers.SOURCES.glob("*.mjs"):
            done = subprocess.run(["node", "--check", each], stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_aim_without_a_figure_is_not_met(self):
        _, runs, left_out = self.runs({"ours": [2]}, 1)
        figures = compare.summed_up(runs, left_out, "floor", [compare.Aim("us", "CPU", 2, of="floor")])
        self.assertIsNone(figures["aims"][0]["met"])

    def test_plot(self):
        lines = {"a & b": [(10, 2.0), (10_000, 20.0)], "c": [(10, 150.0)]}
        root = xml.etree.ElementTree.fromstring(plot.svg([plot.Panel("CPU", "sessions", "µs", lines)]))
        words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
        for wanted in ("CPU", "sessions", "µs", "a & b", "c", "10\u202f000", "1", "1\u202f000"):
            self.assertIn(wanted, words)
        points = list(root.iter("{http://www.w3.org/2000/svg}circle"))
        self.assertEqual(len(points), 3)
        left, right = (float(points[i].get("cx")) for i in (1, 2))
        self.assertLess(left, right)

    def load(self, script, **more):
        waits = []
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "load"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            return waits, load_program.run_load(program, "case", 1, waits.append, 10, size=3, **more)

    def test_load_program(self):
        waits, figures = self.load('echo "wait begin"; read line; echo "figure 50 turns 3.5"; echo "figure $3 1"')
        self.assertEqual((waits, figures), (["begin"], {"50 turns": 3.5, "size=3": 1}))
        waits, figures = self.load('echo "figure a 1"; echo "wait flooded"; read line; exit 1', until="flooded")
        self.assertEqual((waits, figures), (["flooded"], {"a": 1}))

    def test_load_program_fails(self):
        with self.assertRaisesRegex(load_program.Failure, "ended with 2: no such case"):
            self.load("echo no such case >&2; exit 2")


class WithCompiler(Tree):
    """The runners that need one; any will do."""

    compiler = os.environ.get("CXX", "c++")

    def run_tool(self, path, *options):
        command = [sys.executable, str(ROOT / path), "--compiler", self.compiler, *map(str, options)]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout.decode("utf-8", "replace")

    def compile_fail(self, text):
        self.write("cases/case.cpp", text)
        options = ["--cases", self.root / "cases", "--include", self.root / "include"]
        return self.run_tool("tests/compile_fail/run.py", *options)

    def test_compile_fail(self):
        body = 'static_assert(sizeof(char) == 2, "one two");\nint x = "three";\n'
        self.assertEqual(self.compile_fail("// expect: one two\n" + body)[0], 0)
        self.assertEqual(self.compile_fail("// expect first: one two\n" + body)[0], 0)
        self.assertEqual(self.compile_fail("// expect: error: .*char\n" + body)[0], 0)
        self.assertEqual(self.compile_fail("// expect first: error: .*char\n" + body)[0], 1)
        code, output = self.compile_fail("// expect: something else\n" + body)
        self.assertEqual(code, 1)
        self.assertIn("no error (or not the first) matches `something else`", output)
        code, output = self.compile_fail("// expect: one\nint x;\n")
        self.assertEqual(code, 1)
        self.assertIn("compiles, and should not", output)
        code, output = self.compile_fail(body)
        self.assertEqual(code, 1)
        self.assertIn("the first line is not", output)

    def test_compile_fail_without_cases(self):
        (self.root / "cases").mkdir()
        code, output = self.run_tool("tests/compile_fail/run.py", "--cases", self.root / "cases")
        self.assertEqual(code, 1)

    def test_self_contained(self):
        for name in ("json", "adapters", "host"):
            for path in (self.root / "include/agent_websocket" / name).iterdir():
                path.unlink()
        self.umbrella("http/url")
        options = ["--root", self.root, "--work", self.root / "work"]
        code, output = self.run_tool("tools/self_contained.py", *options)
        self.assertEqual(code, 0, output)
        self.header("http/url", "std::string text;\n")
        code, output = self.run_tool("tools/self_contained.py", *options)
        self.assertEqual(code, 1)
        self.assertIn("include/agent_websocket/http/url.hpp:1: does not compile alone", output)


class Tally(Tree):
    def test_counts(self):
        doctest = "[doctest] test cases: 12 | 10 passed | 2 failed | 0 skipped"
        self.write(
            "one.xml",
            '<testsuite><testcase name="plain"/>'
            '<testcase name="bad"><failure message=""/></testcase>'
            f'<testcase name="cases"><failure/><system-out>{doctest}</system-out></testcase>'
            '<testcase name="runner"><system-out>x\n4 passed, 0 failed\n</system-out></testcase>'
            '<testcase name="unbuilt" status="notrun"><skipped/></testcase>'
            '<testcase name="crash"><failure/><system-out>4 passed, 0 failed</system-out></testcase>'
            "</testsuite>",
        )
        self.assertEqual(tally.count(self.root / "one.xml"), (1 + 10 + 4 + 4, 1 + 2 + 1 + 1))


if __name__ == "__main__":
    unittest.main()
