#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's request bodies against the schema of the official SDK (check.mjs), and that check
against bodies with one fault each.

  AGENT_WEBSOCKET_SCHEMA_BODIES=build/bin/schema_bodies tests/schema/run.py

Needs node 20 and the packages of tests/e2e (AGENT_WEBSOCKET_E2E_MODULES, as there).
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

import harness  # noqa: E402

GOOD = {
    "model": "a/b",
    "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Hi"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]}],
    "max_tokens": 64,
    "logprobs": True,
    "tools": [{"type": "function", "function": {
        "name": "f", "parameters": {"type": "object", "maxItems": 1, "max_items": 1.0}}}],
    "reasoning": {"effort": "low"},
    "stream": True,
    "stream_options": {"include_usage": True},
}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": ""}
ASKING = {"role": "user", "content": "Hi"}


def history(*messages):
    return {"messages": [ASKING, *messages]}


def part(**what):
    return {"messages": [{"role": "user", "content": [what]}]}


def tool(**what):
    return {"tools": [{"type": "function", "function": {"name": "f"}, **what}]}


# Members that are put into GOOD, or text that replaces a part of it, and words of the complaint.
PLANTED = [
    ({"max_token": 64}, "max_token is unknown"),
    ({"maxTokens": 64}, "maxTokens is unknown"),
    ({"top-p": 1}, "top-p is unknown"),
    ({"reasoning": {"efort": "low"}}, "reasoning.efort is unknown"),
    ({"reasoning": {"effort": "lwo"}}, "reasoning.effort is"),
    ({"reasoning": {"max_tokens": 1.5}}, "reasoning.max_tokens is"),
    ({"reasoning_effort": "hihg"}, "reasoning_effort is"),
    ({"reasoning_effort": "high"}, "two different efforts"),
    ({"verbosity": "loud"}, "verbosity is"),
    ({"service_tier": "cheap"}, "service_tier is"),
    ({"stream_options": {"includeUsage": True}}, "stream_options.includeUsage is unknown"),
    ({"provider": {"allow_fallback": True}}, "provider.allow_fallback is unknown"),
    ({"provider": {"max_price": {"prompt": 1}}}, "maxPrice"),
    ({"provider": {"quantizations": ["fp9"]}}, "provider.quantizations.0 is"),
    ({"provider": {"preferred_max_latency": {"p51": 1}}}, "p51 is unknown"),
    ({"provider": {"sort": {"by": "price", "partion": "none"}}}, "provider.sort.partion is unknown"),
    ({"trace": {"traceId": "t"}}, "trace is"),
    ({"cache_control": {"type": "ephemeral", "tll": "5m"}}, "cache_control.tll is unknown"),
    ({"audio": {"voice": "alloy"}}, "audio is"),
    ({"plugins": [{"id": "web", "max_result": 3}]}, "plugins.0.max_result is unknown"),
    ({"tool_choice": "sometimes"}, "toolChoice"),
    ({"tool_choice": {"type": "function", "function": {"nmae": "f"}}}, "tool_choice"),
    (tool(function={"nmae": "f"}), "tools.0.function is unknown"),
    (tool(function={"name": "f", "params": {}}), "tools.0.function.params is unknown"),
    (tool(function={"name": "a b"}), "tools.0.function.name is"),
    (tool(cacheControl={"type": "ephemeral"}), "tools.0.cacheControl is unknown"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "shema": {}}}},
     "response_format.json_schema.shema is unknown"),
    (part(type="image_url", image_url={"url": "u", "detial": "low"}), "image_url.detial is unknown"),
    (part(type="image_url", image_url={"url": "u", "detail": "lwo"}), "image_url.detail is"),
    (part(type="image_url", imageUrl={"url": "u"}), "imageUrl is unknown"),
    (part(type="txt", text="Hi"), "messages.0"),
    (part(type="input_audio", input_audio={"data": "AA"}), "messages.0"),
    (history({"role": "asistant", "content": ""}), "messages.1"),
    (history({"role": "user", "contents": "x"}), "messages.1"),
    (history({**CALLING, "toolCalls": []}, RESULT), "messages.1.toolCalls is unknown"),
    (history({**CALLING, "content": ""}, RESULT), "messages.1 has a content"),
    (history(CALLING), None),  # the results may be yet to come
    (history(CALLING, ASKING), "messages.2 comes before"),
    (history(CALLING, {**RESULT, "tool_call_id": "d"}), "messages.2 answers no call"),
    (history(CALLING, {"role": "tool", "content": "", "toolCallId": "c"}), "messages.2"),
    (history({"role": "assistant", "content": None}), "messages.1 has a content"),
    (history({"role": "assistant", "content": "x", "annotation": []}), "annotation is unknown"),
    (history({"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.text",
                                                                        "txt": "x"}]}), "txt"),
    ({"messages": []}, "messages is"),
    ({"messages": None}, "messages"),
    ({"temperature": 2.1}, "temperature is"),
    ({"temperature": "1"}, "temperature"),
    ({"top_p": 0}, "top_p is"),
    ({"repetition_penalty": 0}, "repetition_penalty is"),
    ({"presence_penalty": -3}, "presence_penalty is"),
    ({"max_completion_tokens": 0}, "max_completion_tokens is"),
    ({"top_logprobs": 21}, "top_logprobs is"),
    ({"logprobs": False, "top_logprobs": 1}, "top_logprobs needs"),
    ({"stop": list("12345")}, "stop is"),
    ({"session_id": "x" * 257}, "session_id is"),
    ({"seed": 1.5}, "seed"),
    (('"max_tokens": 64', '"max_tokens": 64.0'), "max_tokens is written 64.0"),
    (('"max_tokens": 64', '"max_tokens": 6e1'), "max_tokens is written 6e1"),
    (('"max_tokens": 64', '"max_tokens": NaN'), "JSON"),
    (('"model"', '"mdoel"'), "mdoel is unknown"),
]


def check(node, modules, lines, *options):
    """Exit code and output of check.mjs."""
    environment = {**os.environ, "E2E_MODULES": str(modules)}
    run = subprocess.run([node, HERE / "check.mjs", *options], input=lines.encode(), env=environment,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return run.returncode, run.stdout.decode("utf-8", "replace")


def planted():
    """The name, line and expected complaint of each fault."""
    for number, (fault, words) in enumerate([({}, None), *PLANTED]):
        text = json.dumps({**GOOD, **fault} if isinstance(fault, dict) else GOOD)
        if isinstance(fault, tuple):
            assert fault[0] in text, fault
            text = text.replace(*fault)
        name = f"planted {number}"
        yield name, f'{{"case":"{name}","body":{text}}}\n', words


def main():
    bodies = harness.program("AGENT_WEBSOCKET_SCHEMA_BODIES")
    try:
        node = harness.node(20)
        modules = harness.modules()
    except harness.Skip as why:
        print(f"skip schema: {why}")
        return 0
    except harness.Failure as why:
        if "AGENT_WEBSOCKET_E2E_MODULES" in os.environ:
            raise
        print(f"skip schema: {why}")
        return 0

    made = subprocess.run([bodies], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
    code, output = check(node, modules, made)
    sys.stdout.write(output)
    faults = int(code != 0)

    faulty = list(planted())
    _, output = check(node, modules, "".join(line for _, line, _ in faulty), "--any")
    complaints = dict(re.findall(r"^not ok (planted \d+): (.*)$", output, re.MULTILINE))
    for name, line, words in faulty:
        complaint = complaints.get(name)
        as_wanted = complaint is None if words is None else words in (complaint or "")
        if not as_wanted:
            print(f"not ok {name}: {words!r} expected, {complaint!r} found: {line.strip()}")
            faults += 1
    print(f"{len(faulty)} bodies with and without a planted fault were told apart" if not faults
          else f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
