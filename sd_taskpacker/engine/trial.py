# SPDX-License-Identifier: LGPL-2.1-or-later
"""BatchTest: what would become of each request if it were queued now. Nothing is recorded and no version is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sd_taskpacker.engine.admission import DRAINED
from sd_taskpacker.engine.drafting import candidate_of, limits_of
from sd_taskpacker.engine.manager import Forecast, Trial
from sd_taskpacker.engine.requests import Office, examine
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.reasons import lacking, reserved, span
from sd_taskpacker.plan.snapshot import Candidate, Plan, Reason, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was asked, checked, beside all that waits: a plan of `snapshot` tells the rest."""

    snapshot: Snapshot
    labels: Sequence[str]
    candidates: Sequence[Candidate]
    draining: bool

    def told(self, plan: Plan) -> list[Trial]:
        """`plan` is a whole one of `snapshot`."""
        expected = {lease.owner: lease.start for lease in plan.placed}
        due = frozenset[str]() if self.draining else plan.due
        return [
            _trial(label, candidate, plan, due, expected, draining=self.draining)
            for label, candidate in zip(self.labels, self.candidates, strict=True)
        ]


def draft(office: Office, caller: Caller, requests: Sequence[Request], now: int) -> Draft:
    """Raises TaskpackerError when a request is malformed."""
    state = office.state
    instances = examine(office, Kind.BATCH, caller, requests, now)
    candidates = [
        candidate_of(instance, str(index), state, now, now_only=False) for index, instance in enumerate(instances)
    ]
    return Draft(
        snapshot=state.snapshot(now, candidates, limits=limits_of(instances)),
        labels=[instance.label for instance in instances],
        candidates=candidates,
        draining=state.draining,
    )


def _trial(
    label: str,
    candidate: Candidate,
    plan: Plan,
    due: frozenset[str],
    expected: Mapping[str, int],
    *,
    draining: bool,
) -> Trial:
    refused = plan.unplaced.get(candidate.key)
    if refused:
        return _never(label, refused)
    if candidate.key in due:
        return Trial(label=label, forecast=Forecast.NOW, start=plan.now, code="fits", text="would start now")
    if draining:  # Nobody can tell when.
        return _later(label, 0, f"would wait: {DRAINED.text}", DRAINED)
    why = (lacking(candidate.claims, plan.free) or reserved(candidate.claims))[0]
    promised = plan.promised[candidate.key]
    likely = min(expected[candidate.key], promised) - plan.now
    when = f"is expected to start in {span(likely)}, at the latest in {span(promised - plan.now)}"
    return _later(label, promised, f"{when}: {why.text}", why)


def _never(label: str, reasons: Sequence[Reason]) -> Trial:
    return Trial(
        label=label,
        forecast=Forecast.NEVER,
        start=0,
        code=reasons[0].resource,
        text="; ".join(reason.text for reason in reasons),
    )


def _later(label: str, start: int, text: str, why: Reason) -> Trial:
    return Trial(label=label, forecast=Forecast.LATER, start=start, code=why.resource, text=text)
