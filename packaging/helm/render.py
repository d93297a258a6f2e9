"""The part of Helm's template language that the chart uses, so that its output can be tested where there is no helm.

Whatever is not known is an error: a chart that outgrows this is noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|\||[^\s()|]+')


@dataclass
class Block:
    """What stands between an action and its end."""

    code: str
    parts: list[str | Block] = field(default_factory=list)
    otherwise: list[str | Block] = field(default_factory=list)
    is_otherwise: bool = False

    def add(self, part: str | Block) -> None:
        (self.otherwise if self.is_otherwise else self.parts).append(part)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    trim = False
    for found in re.finditer(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", text, re.S):
        literal = text[at : found.start()]
        literal = literal.lstrip() if trim else literal
        yield "text", literal.rstrip() if found[1] else literal
        yield "code", found[2]
        at, trim = found.end(), bool(found[3])
    yield "text", text[at:].lstrip() if trim else text[at:]


def _parse(text: str) -> Block:
    open_blocks = [Block("")]
    for kind, value in _tokens(text):
        if kind == "text":
            open_blocks[-1].add(value)
        elif value == "end":
            open_blocks.pop()
        elif value == "else":
            open_blocks[-1].is_otherwise = True
        else:
            block = Block(value)
            open_blocks[-1].add(block)
            if value.split()[0] in ("if", "range", "define"):
                open_blocks.append(block)
    if len(open_blocks) != 1:
        raise ValueError(f"not ended: {open_blocks[-1].code}")
    return open_blocks[0]


def _to_yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=True, default_flow_style=False).rstrip("\n")


class MissingValue(Exception):
    """What `required` says."""


def _required(message: str, value: object) -> object:
    if value in (None, ""):
        raise MissingValue(message)
    return value


class Chart:
    def __init__(self, folder: Path) -> None:
        self.values = yaml.safe_load((folder / "values.yaml").read_text())
        self._templates: dict[str, Block] = {}
        self._files = sorted((folder / "templates").glob("*.yaml"))
        for file in sorted((folder / "templates").glob("*.tpl")):
            self._render(_parse(file.read_text()), {})

    def render(self, release: str, values: dict) -> list[dict]:
        """All objects, with `values` over the chart's own, section by section."""
        merged = {key: {**value, **values.get(key, {})} if isinstance(value, dict) else values.get(key, value) for key, value in self.values.items()}
        scope = {".": {"Values": merged, "Release": {"Name": release}}}
        objects = []
        for file in self._files:
            objects += [each for each in yaml.safe_load_all(self._render(_parse(file.read_text()), scope)) if each]
        return objects

    def _render(self, block: Block, scope: dict) -> str:
        return "".join(part if isinstance(part, str) else self._action(part, scope) for part in block.parts)

    def _action(self, block: Block, scope: dict) -> str:
        word, _, rest = block.code.partition(" ")
        if word == "define":
            self._templates[json.loads(rest)] = block
            return ""
        if word == "if":
            return self._render(Block("", block.parts if self._value(rest, scope) else block.otherwise), scope)
        if word == "range":
            names, _, over = rest.partition(" := ")
            key, value = (name.strip() for name in names.split(","))
            items = sorted(self._value(over, scope).items())
            return "".join(self._render(block, {**scope, key: each, value: what}) for each, what in items)
        return str(self._value(block.code, scope))

    def _value(self, code: str, scope: dict) -> object:
        value, rest = self._pipeline(_WORD.findall(code), scope)
        if rest:
            raise ValueError(f"left over in {code}: {rest}")
        return value

    def _pipeline(self, words: Sequence[str], scope: dict) -> tuple[object, Sequence[str]]:
        value, words = self._call(words, scope, [])
        while words and words[0] == "|":
            value, words = self._call(words[1:], scope, [value])
        return value, words

    def _call(self, words: Sequence[str], scope: dict, last: list[object]) -> tuple[object, Sequence[str]]:
        """One command of a pipeline: a value, or a function with its arguments."""
        arguments: list[object] = []
        name = None if words[0][0] in '.$"(' else words[0]
        words = words[1:] if name else words
        while words and words[0] not in ("|", ")"):
            if words[0] == "(":
                value, words = self._pipeline(words[1:], scope)
                words = words[1:]
            else:
                value, words = self._operand(words[0], scope), words[1:]
            arguments.append(value)
        return (self._function(name, [*arguments, *last], scope) if name else arguments[0]), words

    def _operand(self, word: str, scope: dict) -> object:
        if word[0] == '"':
            return json.loads(word)
        if word[0] == "$" or word == ".":
            return scope[word]
        if word[0] == ".":
            value = scope["."]
            for step in word[1:].split("."):
                value = value[step]
            return value
        return int(word)

    def _function(self, name: str, given: list, scope: dict) -> object:
        if name == "include":
            return self._render(self._templates[given[0]], {".": given[1]})
        if name == "nindent":
            return "\n" + "\n".join(" " * given[0] + line if line else line for line in str(given[1]).split("\n"))
        functions = {
            "quote": lambda value: json.dumps(str(value)),
            "default": lambda other, value: value or other,
            "printf": lambda text, *values: text % tuple(values),
            "required": _required,
            "toYaml": _to_yaml,
            "toJson": json.dumps,
        }
        return functions[name](*given)
