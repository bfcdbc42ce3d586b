# SPDX-License-Identifier: LGPL-2.1-or-later
"""A drawing taken apart again, as a browser would read it."""

from __future__ import annotations

from xml.etree import ElementTree

from sd_taskpacker.drawing import as_html, as_svg
from tests.drawing.situations import Situation

_ACTIVE = {
    "script",
    "foreignObject",
    "iframe",
    "object",
    "embed",
    "image",
    "img",
    "link",
    "a",
    "animate",
    "set",
    "use",
}


def parsed(document: str) -> ElementTree.Element:
    return ElementTree.fromstring(document.encode())


def svg_of(situation: Situation) -> ElementTree.Element:
    return parsed(as_svg.render(situation.view()))


def html_of(situation: Situation) -> ElementTree.Element:
    return parsed(as_html.render(situation.view()))


def texts(root: ElementTree.Element, tag: str = "text") -> list[str]:
    """The text of every element with this tag, in whatever namespace."""
    return ["".join(e.itertext()) for e in root.iter() if name(e) == tag]


def classes(root: ElementTree.Element) -> set[str]:
    return {word for e in root.iter() for word in e.get("class", "").split()}


def fills(root: ElementTree.Element) -> set[str]:
    """The patterns in use in lanes and rows; those of the legend do not count."""
    rows = [e for e in root.iter() if e.get("class") == "row"]
    return {fill for row in rows for e in row.iter() if (fill := e.get("fill", "")).startswith("url(")}


def numbers(root: ElementTree.Element) -> list[float]:
    """Every coordinate, as far as it is not in a path."""
    keys = ("x", "y", "width", "height")
    return [float(e.attrib[key]) for e in root.iter() for key in keys if key in e.attrib]


def name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def active_content(root: ElementTree.Element) -> list[str]:
    """Whatever could run or load something."""
    found = [name(e) for e in root.iter() if name(e) in _ACTIVE]
    for e in root.iter():
        for key, value in e.attrib.items():
            harmless = key == "http-equiv" or not key.lower().rpartition("}")[2].startswith(
                ("on", "href", "src", "style")
            )
            if not harmless or "javascript:" in value or ("url(" in value and not value.startswith("url(#")):
                found.append(f"{key}={value}")
    return found
