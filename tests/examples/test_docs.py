"""The adapter that docs/test-your-client.md begins with, as a reader copies it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

PAGE: Final = Path(__file__).parents[2] / "docs" / "test-your-client.md"

TALK_S: Final = 30.0
"""A talk takes a tenth of a second; this is what a busy two-core machine may add."""

CRM: Final = """
export class Crm {
  constructor(config) { this.texts = []; }
  start() {}
  send(conversationId, content) { this.texts.push(content); }
  snapshot() { return this.texts; }
}
"""


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The adapter in a folder of its own, before a client of a few lines; in CI Node has to be."""
    if shutil.which("node") is None:
        reason = "node is not on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    code = PAGE.read_text().partition("```js\n")[2].partition("```")[0]
    (tmp_path / "adapter.mjs").write_text(code.replace("./crm.js", "./crm.mjs"))
    (tmp_path / "crm.mjs").write_text(CRM)
    return tmp_path / "adapter.mjs"


def test_it_speaks_the_protocol(adapter: Path) -> None:
    """It answers in order, names what it cannot do, and leaves texts as they are."""
    text = "one\u2028line, olá"
    asked: list[dict[str, Any]] = [
        {"verb": "hello", "protocol": 1},
        {"verb": "open", "conversationId": "c-1"},
        {"verb": "no-such-verb"},
        {"verb": "start", "config": {}},
        {"verb": "send", "conversationId": "c-1", "content": text, "clientMessageId": "1"},
        {"verb": "snapshot"},
        {"verb": "exit"},
    ]
    lines = (json.dumps({"id": n, **each}, ensure_ascii=False) for n, each in enumerate(asked))
    done = subprocess.run(
        ["node", str(adapter)],
        input="".join(f"{line}\n" for line in lines).encode(),
        capture_output=True,
        timeout=TALK_S,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    assert [each["id"] for each in answers] == list(range(len(asked)))
    assert [each.get("error", {}).get("code") for each in answers] == [
        *(None, "failed", "unsupported"),
        *(None, None, None, None),
    ]
    assert answers[0]["result"]["capabilities"] == ["websocket", "send"]
    assert answers[5]["result"] == [text]
