"""The report in a real browser, as wide as a phone and as a desk's screen."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from churn_core.params import Params
from churn_core.train.evaluation import evaluate
from tests.support.evaluations import ready

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="needs Chromium; what the page holds is tested without"
)

# Frames of the widths in question, and a script that writes down what became of the page in each.
FRAMES = """<!doctype html><html><body>{frames}<script>
const said = [];
window.onerror = (message) => said.push(String(message));
console.error = (...words) => said.push(words.join(" "));
window.onload = () => {{
  const seen = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument, root = page.documentElement;
    const texts = [...page.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect().height);
    return {{
      wanted: frame.clientWidth, width: root.scrollWidth, height: root.scrollHeight,
      summary: page.querySelector("#summary").getBoundingClientRect().height,
      smallest: Math.min(...texts.filter((height) => height > 0)),
      sideways: [...page.querySelectorAll(".scroll")].filter((b) => b.scrollWidth > b.clientWidth + 1).length,
      requests: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
    }};
  }});
  document.title = JSON.stringify({{ seen, said }});
}};
</script></body></html>"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("browser")
    project = ready(root / "project", rows=800)
    params: Params = project.params
    page = html.escape(evaluate(params, project.root).report.read_text(encoding="utf-8"))
    frames = (
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>'
        for width in (390, 1280)
    )
    (root / "frames.html").write_text(FRAMES.format(frames="".join(frames)), encoding="utf-8")
    return json.loads(title_of(root / "frames.html", root / "profile"))


def title_of(page: Path, profile: Path) -> str:
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=9000")
    command = [str(BROWSER), *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert match, done.stdout[:500]
    return html.unescape(match[1])


def test_nothing_is_asked_for_and_nothing_fails(found: dict[str, Any]) -> None:
    assert found["said"] == []
    assert [frame["requests"] for frame in found["seen"]] == [[], []]


def test_no_page_and_no_table_moves_sideways(found: dict[str, Any]) -> None:
    assert [frame["wanted"] for frame in found["seen"]] == [390, 1280]
    assert [frame["width"] for frame in found["seen"]] == [390, 1280]
    assert [frame["sideways"] for frame in found["seen"]] == [0, 0]


def test_a_phone_shows_the_first_page_in_three_screens(found: dict[str, Any]) -> None:
    assert found["seen"][0]["summary"] < 3 * 900


def test_text_in_figures_is_large_enough_to_read(found: dict[str, Any]) -> None:
    assert found["seen"][0]["smallest"] >= 9
