# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which order is best at this moment: several plans, the best one improved by hill climbing.

How far a plan is believed depends on how well expected times have been kept lately. Where they are exact the order
is followed to the letter: any exception in favour of what waits now would be paid by the short ones that come next.
Where they are exaggerated, the plan of the far future is fiction: few get a place in it, and the plans that start
somebody else now are tried one by one. The number of tries is counted, so that the same snapshot gives the same plan.
(Plan-based scheduling: Kopanski and Rzadca, Euro-Par 2021.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sd_taskpacker.plan.order import Order
from sd_taskpacker.plan.ranking import Entry
from sd_taskpacker.plan.sketch import Scene, Sketch

WINDOW: Final = 30
"""So many of those that could start now are tried in a round."""


@dataclass(frozen=True, slots=True)
class Method:
    """`depth`: how many get a place in the future; `tries`: for how many other starts; `easy`: whether the plan of
    EASY backfilling in the same order competes."""

    depth: int
    tries: int
    easy: bool = False


EXACT: Final = 0.9
"""From this accuracy on a plan is taken at its word."""
WILD: Final = 0.35
"""Below it a plan says nothing of the future."""
_METHODS: Final = {
    EXACT: Method(depth=32, tries=0, easy=True),
    WILD: Method(depth=32, tries=30),
    0.0: Method(depth=1, tries=80),
}


FOLLOW: Final = Method(depth=32, tries=0)
"""As the order has it."""

EQUALS: Final = Method(depth=1, tries=0)
"""For those that all want the same: where the first one finds no room nobody does, and none is better than it."""


def method_for(accuracy: float) -> Method:
    """`accuracy`: the mean share of its expected time that a task took lately."""
    return next(method for least, method in _METHODS.items() if accuracy >= least)


def best(order: Sequence[Entry], scene: Scene, method: Method) -> Sketch:
    order = order if isinstance(order, Order) else Order(order)
    found = scene.sketch(order, method.depth)
    if method.easy:
        other = scene.sketch(order.preferring(scene.sketch(order, 1).starting(scene.now)), method.depth)
        found = other if other.is_better_than(found) else found
    return _climb(found, scene, method)


def _climb(found: Sketch, scene: Scene, method: Method) -> Sketch:
    """Takes the first order that is better, and goes on from there."""
    tries = method.tries
    better = True
    while better:
        better = False
        for order in islice(_neighbours(found, scene), tries):
            tries -= 1
            other = scene.sketch(order, method.depth)
            if other.is_better_than(found):
                found, better = other, True
                break
    return found


def _neighbours(sketch: Sketch, scene: Scene) -> Iterator[Order]:
    """Somebody else first, who might start now; then somebody last who would."""
    order, now = sketch.order, scene.now
    assert isinstance(order, Order)  # As `best` made it.
    others = (
        index
        for index, entry in enumerate(order)
        if not entry.ahead and sketch.starts.get(index) != now and scene.might_start(entry)
    )
    for index in islice(others, WINDOW):
        yield order.moved(index, order.first(order[index].level))
    for index in sketch.starting(now):
        if not order[index].ahead:
            yield order.moved(index, order.end(order[index].level) - 1)
