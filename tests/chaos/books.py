# SPDX-License-Identifier: MIT
"""What one client was told, and what of it contradicts a promise. Every fault is a sentence."""

import json

from upstream import words_of


def canonical(text):
    """A numbered message as it is kept, whether it came live or as replay: a replay is marked, and
    the end of a streamed answer is then the whole answer that it is. Bytes, not meanings."""
    replay = ',"replay":true}'
    if text.endswith(replay):
        text = text[:-len(replay)] + "}"
    if text.startswith('{"type":"response"'):
        end, content = text.find('"phase":"end"'), text.find('"content":')
        if 0 <= end < content:
            text = text[:end] + '"phase":"full"' + text[end + len('"phase":"end"'):]
    return text


def is_terminal(message):
    if message["type"] == "response":
        return message.get("phase", "full") in ("full", "end")
    return message["type"] == "error" and "seq" in message


class Query:
    def __init__(self, name, number):
        self.id = name
        self.number = number  # words of its answer
        self.acked = False
        self.refused = None  # the code, when it was not taken
        self.ends = {}  # (epoch, seq): canonical text
        self.end = None  # the message
        self.cancelled = False


class Stream:
    """A streamed answer put together by the rule for deltas."""

    def __init__(self):
        self.have = 0
        self.text = ""


class Books:
    failures = {"interrupted"}  # codes that an answer may fail by

    def __init__(self, name):
        self.name = name
        self.faults = []
        self.epoch = None
        self.last = 0  # seq
        self.is_owed = False  # something was acknowledged, or told by number
        self.numbered = {}  # (epoch, seq): canonical text
        self.queries = {}
        self.by_stream = {}  # of answers that are there: id of the query
        self.streams = {}
        self.feedback = {}  # comment: acknowledged
        self.notices = {}  # text: how often it was seen
        self.temperature = [0.7]  # as it is by itself; of the last acknowledged `set`, and those sent since
        self.verdicts = {}  # reason of a resume: how often
        self.holes = 0
        self.deltas = 0

    def fault(self, words):
        self.faults.append(f"{self.name}: {words}")

    def query(self, name, number):
        self.queries[name] = Query(name, number)
        return self.queries[name]

    def new_connection(self):
        self.streams = {}

    # ---- what comes

    def take_numbered(self, message, text):
        """True when it is the next one; False when it was known."""
        at = (self.epoch, message["seq"])
        kept = canonical(text)
        if at in self.numbered:
            if self.numbered[at] != kept:
                self.fault(f"{at} was {self.numbered[at]} and is {kept}")
            return False
        self.is_owed = True
        if message["seq"] != self.last + 1:
            self.fault(f"a hole: {message['seq']} after {self.last}: {text[:300]}")
        self.numbered[at] = kept
        self.last = message["seq"]
        if is_terminal(message):
            self.take_end(message, at, kept)
        elif message["type"] == "notification" and "op" not in message:
            content = message["content"]
            self.notices[content] = self.notices.get(content, 0) + 1
        return True

    def take_end(self, message, at, kept):
        query = self.queries.get(message.get("ref"))
        if query is None:
            return self.fault(f"the end of a query that was never asked: {kept[:300]}")
        if query.ends:
            self.fault(f"{query.id} has ended twice: {query.ends} and {at} {kept}")
        query.ends[at] = kept
        query.end = message
        query.acked = True
        query.refused = None
        if message.get("status") == "completed":
            self.by_stream[message["stream"]] = query.id
        whole = words_of(query.id, query.number)
        content = message.get("content", "")
        status = message.get("status", "failed")
        if status == "completed" and content != whole:
            self.fault(f"{query.id} is not what the model said: {content[:200]!r}")
        elif status == "cancelled" and not query.cancelled:
            self.fault(f"{query.id} was cancelled by nobody")
        elif message["type"] == "response" and not whole.startswith(content):
            self.fault(f"{query.id} has words that the model did not say: {content[:200]!r}")
        if status == "failed":
            code = message["code"] if message["type"] == "error" else message["error"]["code"]
            if code not in self.failures:
                self.fault(f"{query.id} has failed by {code}: {kept[:300]}")
        stream = self.streams.get(message.get("stream"))
        if stream and stream.have and status == "completed" and \
                message.get("phase") == "end" and not message.get("replay"):
            if stream.have == message.get("n") and stream.text != content:
                self.fault(f"the deltas of {query.id} are not its answer: {stream.text[-200:]!r}")
            if stream.have != message.get("n"):
                self.fault(f"deltas of {query.id}: {stream.have} of {message.get('n')}")

    def take_delta(self, message):
        stream = self.streams.setdefault(message["stream"], Stream())
        idx, n = message["idx"], message["n"]
        self.deltas += 1
        if idx + n <= stream.have:
            return
        if idx == 0 and n >= stream.have:
            stream.text = message["content"]
        elif idx == stream.have:
            stream.text += message["content"]
        else:
            self.holes += 1
            return self.fault(f"a hole in a stream: have {stream.have}, got {idx} + {n}")
        stream.have = idx + n

    # ---- at the end

    def check_queries(self, upstream):
        for query in self.queries.values():
            asked = upstream.asked[query.id]
            if asked > 1:
                self.fault(f"{query.id} was run {asked} times")
            if query.refused and not query.ends:
                if asked:
                    self.fault(f"{query.id} was refused ({query.refused}) and run")
                continue
            if len(query.ends) != 1:
                self.fault(f"{query.id} has {len(query.ends)} ends; "
                           f"{'acknowledged' if query.acked else 'not acknowledged'}")
            elif query.end.get("status") == "completed" and asked != 1:
                self.fault(f"{query.id} is completed and was run {asked} times")

    def check_history(self, messages):
        """`messages` of the command history: all that was answered is there, in its order."""
        found = {each["ref"]: each for each in messages if each["role"] == "assistant"}
        asked = {each["id"] for each in messages if each["role"] == "user"}
        order = [each["seq"] for each in messages if each["role"] == "assistant"]
        if order != sorted(order):
            self.fault(f"the history is not in its order: {order}")
        comments = {}
        for each in messages:
            for said in each.get("feedback", ()):
                comments[said["content"]] = comments.get(said["content"], 0) + 1
        for query in self.queries.values():
            if query.end is None:
                continue
            if query.end.get("status") == "completed":
                turn = found.get(query.id)
                if turn is None:
                    self.fault(f"{query.id} has ended and is not in the history")
                elif turn["content"] != query.end["content"] or turn["seq"] != query.end["seq"]:
                    self.fault(f"{query.id} is another one in the history: {turn}")
            if query.id in upstream_begun(query) and query.id not in asked:
                self.fault(f"the question {query.id} is not in the history")
        for comment, acked in self.feedback.items():
            count = comments.get(comment, 0)
            if count > 1 or (acked and count == 0):
                self.fault(f"feedback {comment!r}: {count} times in the history"
                           f"{', acknowledged' if acked else ''}")

    def check_temperature(self, found):
        if found not in self.temperature:
            self.fault(f"the temperature is {found}, it was set to {self.temperature}")

    def check_notices(self, told):
        """`told`: texts that the API has taken (True), or may have."""
        for text, taken in told.items():
            count = self.notices.get(text, 0)
            if count > 1 or (taken and count == 0):
                self.fault(f"the notification {text!r} came {count} times"
                           f"{', it was taken' if taken else ''}")


def upstream_begun(query):
    """Queries whose question the conversation must have: those that were answered."""
    begun = query.end.get("content") and query.end.get("code") != "draining"
    return {query.id} if begun else set()


def dump(message):
    return json.dumps(message, separators=(",", ":"))
