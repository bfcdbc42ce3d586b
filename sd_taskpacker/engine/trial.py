# SPDX-License-Identifier: LGPL-2.1-or-later
"""BatchTest: what would become of each request if it were queued now. Nothing is recorded and no version is used."""

from __future__ import annotations

from collections.abc import Sequence

from sd_taskpacker.engine.admission import DRAINED, hopeless
from sd_taskpacker.engine.drafting import candidate_of, limits_of
from sd_taskpacker.engine.ports import Forecast, Trial
from sd_taskpacker.engine.requests import Office, examine
from sd_taskpacker.model.quantities import format_span
from sd_taskpacker.model.request import Caller, Request
from sd_taskpacker.model.unit import Kind
from sd_taskpacker.plan.reasons import lacking, reserved
from sd_taskpacker.plan.snapshot import Candidate, Plan, Reason

_SECOND = 1_000_000


def try_out(office: Office, caller: Caller, requests: Sequence[Request], now: int) -> list[Trial]:
    """Raises TaskpackerError when a request is malformed."""
    state = office.state
    instances = examine(office, Kind.BATCH, caller, requests, now)
    refused = hopeless(state, instances, now)
    candidates = {
        index: candidate_of(instance, str(index), state, now, now_only=False)
        for index, instance in enumerate(instances)
        if index not in refused
    }
    plan = state.plan(now, list(candidates.values()), limits=limits_of(instances))
    starts = {lease.owner: lease.start for lease in plan.placed}
    return [
        _never(instance.label, refused[index])
        if index in refused
        else _sometime(instance.label, candidates[index], plan, starts.get(str(index)), draining=state.draining)
        for index, instance in enumerate(instances)
    ]


def _never(label: str, reasons: Sequence[Reason]) -> Trial:
    return Trial(
        label=label,
        forecast=Forecast.NEVER,
        start=0,
        code=reasons[0].resource,
        text="; ".join(reason.text for reason in reasons),
    )


def _sometime(label: str, candidate: Candidate, plan: Plan, start: int | None, *, draining: bool) -> Trial:
    """`start` None: it waits, and nobody can tell until when."""
    if start == plan.now and not draining:
        return Trial(label=label, forecast=Forecast.NOW, start=start, code="fits", text="would start now")
    why = [DRAINED] if draining else lacking(candidate.claims, plan.free) or reserved(candidate.claims)
    promised = 0 if start is None or draining else plan.promised.get(candidate.key, start)
    when = f"would start in {span(promised - plan.now)} at the latest" if promised else "would wait"
    return Trial(
        label=label,
        forecast=Forecast.LATER,
        start=promised,
        code=why[0].resource,
        text=f"{when}: {why[0].text}",
    )


def span(usec: int) -> str:
    """To the second, rounded up: nobody plans by microseconds."""
    return format_span(-(-usec // _SECOND) * _SECOND) if usec > 0 else "0s"
