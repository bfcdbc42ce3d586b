# SPDX-License-Identifier: LGPL-2.1-or-later
"""Against the real library and a real dbus-daemon: these pin what we do to dbus-next's private parts."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from dbus_next import DBusError, Message, MessageFlag, MessageType, Variant

from sd_taskpacker.bus import connection, framing
from sd_taskpacker.bus.connection import SENDER, Connection, connect
from sd_taskpacker.bus.decoding import decode_message
from sd_taskpacker.bus.framing import MAX_BODY
from sd_taskpacker.errors import AccessDenied, Unreachable, WrongState
from tests.bus.private_bus import NAME, PATH, Dial, RawClient, unique, with_unknown_header_field

BURST = 5000


def answering(bus: Connection, answer: Callable[[Message], Message]) -> None:
    """Every call to `bus` of our example interface is answered by `answer`."""

    def handle(message: Message) -> Message | None:
        ours = message.message_type is MessageType.METHOD_CALL and message.path == PATH
        return answer(message) if ours else None

    bus.add_message_handler(handle)


def echo(message: Message) -> Message:
    return Message.new_method_return(message, message.signature, message.body)


async def call(
    bus: Connection, to: Connection, signature: str = "", *body: object, member: str = "Echo"
) -> list[object]:
    return await bus.ask(unique(to), PATH, NAME, member, signature, body)


async def test_burst_of_signals_and_replies_reaches_a_slow_reader(dial: Dial, raw_client: RawClient) -> None:
    server, caller = await dial(), await dial()
    raw_client.send(raw_client.call_bus("AddMatch", "s", [f"type='signal',interface='{NAME}'"]))
    await caller.ask(unique(server), "/", "org.freedesktop.DBus.Peer", "Ping")
    answering(server, echo)
    text = "x" * 200
    for number in range(BURST):
        server.send(Message.new_signal(PATH, NAME, "Tick", "us", [number, text]))
    answers = await asyncio.gather(*(call(caller, server, "us", n, text) for n in range(BURST)))
    assert [answer[0] for answer in answers] == list(range(BURST))
    ticks = await asyncio.to_thread(raw_client.read_until, b"Tick", BURST)
    assert ticks == BURST
    assert server.connected


async def test_request_above_one_mib_is_refused_undecoded_and_the_connection_lives_on(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    seen: list[Message] = []
    server.add_message_handler(seen.append)
    with pytest.raises(DBusError, match=r"is \d+ bytes; at most 1 MiB\nHint: split the call") as refused:
        await call(caller, server, "ay", bytes(MAX_BODY + 1))
    assert refused.value.type == "org.sdtaskpacker1.Error.LimitExceeded"
    assert not seen
    answering(server, echo)
    assert await call(caller, server, "s", "next") == ["next"]


async def test_request_of_exactly_one_mib_is_taken(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    answering(server, lambda message: Message.new_method_return(message, "u", [len(message.body[0])]))
    assert await call(caller, server, "ay", bytes(MAX_BODY - 4)) == [MAX_BODY - 4]


async def test_reply_above_one_mib_is_read(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    answering(server, lambda message: Message.new_method_return(message, "ay", [bytes(3 * MAX_BODY)]))
    [data] = await call(caller, server)
    assert isinstance(data, bytes)
    assert len(data) == 3 * MAX_BODY


async def test_large_request_that_wants_no_reply_gets_none(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    answering(server, echo)
    replied: list[Message] = []
    caller.add_message_handler(lambda message: replied.append(message) if message.sender == unique(server) else None)
    message = Message(
        destination=unique(server),
        path=PATH,
        interface=NAME,
        member="Echo",
        signature="ay",
        body=[bytes(MAX_BODY + 1)],
        flags=MessageFlag.NO_REPLY_EXPECTED,
    )
    await caller.send(message)
    assert await call(caller, server, "s", "after") == ["after"]
    assert [reply.message_type for reply in replied] == [MessageType.METHOD_RETURN]


async def test_header_that_dbus_next_cannot_read_is_survived(dial: Dial, raw_client: RawClient) -> None:
    server, caller = await dial(), await dial()
    answering(server, echo)
    raw_client.send(with_unknown_header_field(raw_client.call(unique(server), "Echo")))
    raw_client.send(raw_client.call(unique(server), "Marker"))
    await asyncio.to_thread(raw_client.read_until, b"", 3)
    assert await call(caller, server, "s", "alive") == ["alive"]


@pytest.fixture
def no_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages with a double in them cannot be read."""

    def read(raw: bytes) -> Message | None:
        message = decode_message(raw)
        if message is not None and message.signature == "d" and message.body:
            raise ValueError("no such double")
        return message

    monkeypatch.setattr(framing, "decode_message", read)


@pytest.mark.usefixtures("no_doubles")
async def test_values_that_cannot_be_read_are_answered(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    answering(server, echo)
    with pytest.raises(DBusError, match="no such double") as refused:
        await call(caller, server, "d", 1.5)
    assert refused.value.type == "org.sdtaskpacker1.Error.InvalidArgs"
    assert await call(caller, server, "s", "next") == ["next"]


@pytest.mark.usefixtures("no_doubles")
async def test_reply_that_cannot_be_read_fails_the_call_that_waits_for_it(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    answering(server, lambda message: Message.new_method_return(message, "d", [1.5]))
    with pytest.raises(Unreachable, match="the bus was lost while"):
        await call(caller, server)


async def test_fault_of_the_service_reaches_the_journal_and_not_the_client(
    dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    server, caller = await dial(), await dial()

    def fail(message: Message) -> Message:
        raise KeyError("secret")

    answering(server, fail)
    with caplog.at_level(logging.ERROR), pytest.raises(DBusError) as answer:
        await call(caller, server)
    assert answer.value.type == "org.sdtaskpacker1.Error.Internal"
    assert "secret" not in answer.value.text
    assert ".py" not in answer.value.text
    assert "secret" in caplog.text


async def test_property_that_does_not_exist_is_no_line_in_the_journal(
    dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    server, caller = await dial(), await dial()
    with pytest.raises(DBusError):
        await caller.ask(unique(server), PATH, "org.freedesktop.DBus.Properties", "Get", "ss", (NAME, "None"))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_each_call_sees_its_own_sender(dial: Dial) -> None:
    server, one, other = await dial(), await dial(), await dial()
    answering(server, lambda message: Message.new_method_return(message, "s", [SENDER.get()]))
    names = await asyncio.gather(call(one, server), call(other, server), call(one, server))
    assert list(names) == [[unique(one)], [unique(other)], [unique(one)]]


async def test_loss_of_the_bus_is_told_and_ends_what_waits(bus_process: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = bus_process
    server, caller = await connect(address), await connect(address)
    server.add_message_handler(lambda message: message.message_type is MessageType.METHOD_CALL)
    waiting = asyncio.ensure_future(call(caller, server))
    await caller.ask_bus("GetId", "")
    process.kill()
    assert "lost" in await caller.lost()
    with pytest.raises(Unreachable, match="Echo"):
        await waiting
    with pytest.raises(Unreachable, match="no connection"):
        await call(caller, server)
    for bus in (server, caller):
        await bus.close()


async def test_silent_peer_ends_in_a_clear_error(dial: Dial) -> None:
    server, caller = await dial(), await dial()
    server.add_message_handler(lambda message: message.message_type is MessageType.METHOD_CALL)
    with pytest.raises(Unreachable, match="did not answer Echo within 0.01 s"):
        await caller.ask(unique(server), PATH, NAME, "Echo", patience=0.01)
    assert not caller._method_return_handlers


async def test_name_is_owned_once(dial: Dial) -> None:
    first, second = await dial(), await dial()
    await first.own(NAME)
    await first.own(NAME)
    with pytest.raises(WrongState, match="already owns"):
        await second.own(NAME)


async def test_name_that_the_policy_forbids_says_so(dial: Dial) -> None:
    with pytest.raises(AccessDenied, match=r"org\.example\.Forbidden"):
        await (await dial()).own("org.example.Forbidden")


async def test_everything_sent_before_close_arrives(dial: Dial, address: str) -> None:
    reader, writer = await dial(), await connect(address)
    ticks: list[int] = []
    reader.add_message_handler(lambda message: ticks.append(1) if message.member == "Tick" else None)
    await reader.ask_bus("AddMatch", "s", f"type='signal',interface='{NAME}'")
    for _ in range(BURST):
        writer.send(Message.new_signal(PATH, NAME, "Tick", "v", [Variant("s", "x" * 100)]))
    await writer.close()
    await reader.ask_bus("GetId", "")
    assert len(ticks) == BURST
    assert await writer.lost() == ""


async def test_no_bus_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="nowhere"):
        await connect(f"unix:path={tmp_path}/nowhere")


async def test_what_was_sent_before_has_left_when_it_is_flushed(dial: Dial) -> None:
    server, reader = await dial(), await dial()
    sent = [server.send(Message.new_signal(PATH, NAME, "Tick", "s", ["x" * 4096])) for _ in range(500)]
    assert not sent[-1].done()
    await server.flushed()
    assert all(each.done() for each in sent)
    answering(server, echo)
    assert await call(reader, server, "s", "it is in order") == ["it is in order"]


async def test_what_cannot_leave_any_more_is_told(dial: Dial, bus_process: tuple[str, subprocess.Popen[str]]) -> None:
    server = await dial()
    bus_process[1].kill()
    await server.lost()
    with pytest.raises(Unreachable, match="had left"):
        await server.flushed()


async def test_whoever_asks_which_machine_this_is_is_told_each_time(
    dial: Dial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(connection, "MACHINE_ID", tmp_path / "machine-id")
    server, caller = await dial(), await dial()
    ask = (unique(server), "/", "org.freedesktop.DBus.Peer", "GetMachineId")
    assert await caller.ask(*ask) == await caller.ask(*ask) == ["0123456789abcdef0123456789abcdef"]
