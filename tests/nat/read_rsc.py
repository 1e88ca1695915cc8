"""Reads RouterOS scripts with routeros-lsp, a parser that is not ours, and says what is wrong with them.

Standard input: one JSON object a line, {"script": TEXT, "values": {PARAMETER: [TEXT, ...]}, "scheduled": BOOL}. Each script has to be
one statement without a finding, and each parameter of a name in "values" has to read back as the texts there, in order.
With "scheduled", the scheduler's script inside it has to be as good. Standard output: a line for each that is not, then how
many there were.
"""

import json
import sys

from routeros_lsp.analyze import analyze
from routeros_lsp.syntax.ast import Named, StringLit
from routeros_lsp.syntax.walk import visit


def named(script, name):
    """The values of a parameter, where they are plain strings: text and escapes, no substitution."""
    found = []

    def look(node, _parent):
        if isinstance(node, Named) and getattr(node.name, "text", None) == name:
            value = node.value
            plain = isinstance(value, StringLit) and value.closed
            plain = plain and all(part.kind in ("text", "escape") for part in value.parts)
            found.append(value.value.encode("latin-1").decode("utf-8") if plain else None)
        return True

    visit(script, look)
    return found


def scheduled(script):
    """What the scheduler would get, with the former targets filled in."""
    texts = []

    def look(node, _parent):
        if isinstance(node, Named) and getattr(node.name, "text", None) == "on-event":
            texts.append("".join("ng-home-0123456789ab-d" if p.kind == "variable" else p.text for p in node.value.parts))
        return True

    visit(script, look)
    return texts


def faults(given):
    text = given["script"]
    if any(ord(c) > 126 or (ord(c) < 32 and c != "\n") for c in text):
        yield "a byte that is not plain ASCII"
    result = analyze(text)
    yield from (f"{f.rule}: {f.message}" for f in result.findings)
    if len(result.script.statements) != 1:
        yield f"{len(result.script.statements)} statements"
    for name, wanted in given.get("values", {}).items():
        found = named(result.script, name)
        if found != wanted:
            yield f"{name} reads back as {found!r}, not as {wanted!r}"
    if given.get("scheduled"):
        inner = scheduled(result.script)
        if len(inner) != 1:
            yield f"{len(inner)} scheduled scripts"
        for script in inner:
            yield from (f"scheduled: {f.rule}: {f.message}" for f in analyze(script, scope="script").findings)


count = 0
for line in sys.stdin:
    count += 1
    given = json.loads(line)
    for fault in faults(given):
        print(f"{count}: {fault[:300]}")
print(f"{count} scripts")
