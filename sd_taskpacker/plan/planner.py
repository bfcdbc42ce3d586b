# SPDX-License-Identifier: LGPL-2.1-or-later
"""plan(snapshot) -> Plan: from scratch every time, deterministic, nothing is granted here.

Held leases are carried over and never move. The waiting candidates follow in order, each at the earliest
time at which all its claims fit for its whole expected duration, so that a later one fills the holes and
never delays an earlier one (conservative backfilling: Mu'alem and Feitelson, IEEE TPDS 12(6), 2001).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sd_taskpacker.model.quantities import CHUNK_BYTES, format_bytes, format_span
from sd_taskpacker.model.resource import CPU, MEMORY, Claims, Lease
from sd_taskpacker.plan.profile import Profile
from sd_taskpacker.plan.snapshot import Candidate, Plan, Reason, Snapshot, Verdict

DEADLINE = "deadline"
_SECOND = 1_000_000


def plan(snapshot: Snapshot) -> Plan:
    now = snapshot.now
    capacity = {resource.name: resource.capacity for resource in snapshot.resources}
    held = tuple(_as_expected(lease, now) for lease in snapshot.leases)
    if all(candidate.now_only for candidate in snapshot.waiting):
        return _plan_now(snapshot, held)
    profile = Profile(now, snapshot.resources, held)
    placed: list[Lease] = []
    unplaced: dict[str, tuple[Reason, ...]] = {}
    for candidate in sorted(snapshot.waiting, key=_order):
        found = _place(candidate, profile, capacity, now)
        if isinstance(found, Lease):
            profile.reserve(found.claims, found.start, found.end)
            placed.append(found)
        else:
            unplaced[candidate.key] = found
    free = {name: max(0, amount) for name, amount in profile.at(now).items()}
    return Plan(now=now, held=held, placed=tuple(placed), unplaced=unplaced, free=free)


def _plan_now(snapshot: Snapshot, held: tuple[Lease, ...]) -> Plan:
    """Nobody waits: what fits now fits for its whole time, since from here on leases only end. So one look at what
    is free now takes the place of the profile, and ten thousand candidates cost ten thousand looks."""
    now = snapshot.now
    capacity = {resource.name: resource.capacity for resource in snapshot.resources}
    free = dict(capacity)
    for lease in held:
        _take(free, lease.claims)
    placed: list[Lease] = []
    unplaced: dict[str, tuple[Reason, ...]] = {}
    for candidate in sorted(snapshot.waiting, key=_order):
        refused = _too_large(candidate, capacity) or _lacking(candidate, free) or _too_late(candidate, now)
        if refused:
            unplaced[candidate.key] = refused
            continue
        _take(free, candidate.claims)
        end = now + candidate.duration
        placed.append(Lease(owner=candidate.key, claims=candidate.claims, start=now, end=end))
    left = {name: max(0, amount) for name, amount in free.items()}
    return Plan(now=now, held=held, placed=tuple(placed), unplaced=unplaced, free=left)


def _take(free: dict[str, int], claims: Claims) -> None:
    for name, amount in claims.items():
        free[name] = free.get(name, 0) - amount


def expected_end(lease: Lease, now: int) -> int:
    """An overdue lease is expected to last elapsed²/planned in all (O60): the further over, the longer it goes on."""
    if lease.end > now:
        return lease.end
    elapsed, planned = max(now - lease.start, 1), max(lease.end - lease.start, 1)
    return max(lease.start + elapsed * elapsed // planned, now + _SECOND)


def _as_expected(lease: Lease, now: int) -> Lease:
    return lease if lease.end > now else dataclasses.replace(lease, end=expected_end(lease, now))


def _order(candidate: Candidate) -> tuple[int, float, int]:
    """Priority, then urgency, then first come first served; equals keep the order in which they were asked for."""
    urgency = float("inf") if candidate.deadline is None else candidate.deadline - candidate.duration
    return (-candidate.priority, urgency, candidate.submitted)


def _place(
    candidate: Candidate, profile: Profile, capacity: Mapping[str, int], now: int
) -> Lease | tuple[Reason, ...]:
    never = _too_large(candidate, capacity)
    if never:
        return never
    if candidate.now_only:
        start = now if profile.fits(candidate.claims, now, candidate.duration) else None
    else:
        start = profile.earliest(candidate.claims, candidate.duration, now)
    if start is None:
        return _short(candidate, profile.at(now))
    return _too_late(candidate, start) or Lease(
        owner=candidate.key, claims=candidate.claims, start=start, end=start + candidate.duration
    )


def _too_late(candidate: Candidate, start: int) -> tuple[Reason, ...]:
    end = start + candidate.duration
    if candidate.deadline is None or end <= candidate.deadline:
        return ()
    late = format_span((end - candidate.deadline) // _SECOND * _SECOND + _SECOND)
    return (Reason(DEADLINE, Verdict.DEADLINE, f"would end {late} after its deadline"),)


def _too_large(candidate: Candidate, capacity: Mapping[str, int]) -> tuple[Reason, ...]:
    return tuple(
        Reason(name, Verdict.NEVER, f"wants {_amount(name, wanted)}, there is {_amount(name, capacity.get(name, 0))}")
        for name, wanted in candidate.claims.items()
        if wanted > capacity.get(name, 0)
    )


def _short(candidate: Candidate, free: Mapping[str, int]) -> tuple[Reason, ...]:
    # It fits at this instant and still has no place: a lease that is planned within its time needs the room.
    return _lacking(candidate, free) or tuple(
        Reason(name, Verdict.NOT_NOW, "is promised to a task that waits and would be delayed")
        for name, wanted in candidate.claims.items()
        if wanted > 0
    )


def _lacking(candidate: Candidate, free: Mapping[str, int]) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            name,
            Verdict.NOT_NOW,
            f"wants {_amount(name, wanted)}, {_amount(name, max(0, free.get(name, 0)))} is free",
        )
        for name, wanted in candidate.claims.items()
        if wanted > 0 and wanted > free.get(name, 0)
    )


def _amount(resource: str, amount: int) -> str:
    if resource == MEMORY:
        return format_bytes(amount * CHUNK_BYTES)
    return f"{amount} {'CPU' if resource == CPU else resource}{'' if amount == 1 else 's'}"
