# SPDX-License-Identifier: LGPL-2.1-or-later
"""One connection to the message bus, hardened where dbus-next 0.2.3 is not.

What the library does not do for us, and what we do about it (each pinned by a test against the real
library and a real dbus-daemon):

* Its writer breaks the connection when the socket is full         -> `PatientSocket` takes nothing and waits.
* It keeps what waits to leave without any bound                   -> `room`, for whoever can wait.
* It sends descriptors by number, long after the caller closed them -> `Copies` keeps them open.
* It decodes messages of any size, and dies of one it cannot read  -> `framing`; the peer gets an error instead.
* It sends tracebacks to clients                                   -> `Connection.send` keeps them in the journal.
* It logs the errors that a method raised on purpose               -> `_on_message` and `quiet` do not.
* It does not tell a method who called                             -> `SENDER`.
* It begins all calls at once, in the order in which they came    -> `turns` lets callers take turns.
* It answers GetMachineId once, or not even that                   -> `_default_get_machine_id_handler`.
* A call has no time limit, may not end when the bus is lost, and
  nothing keeps the number of calls below what the bus allows       -> `Connection.ask`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from dbus_next import BusType, DBusError, ErrorType, Message, MessageFlag, MessageType
from dbus_next.aio import MessageBus
from dbus_next.errors import AuthError, InvalidAddressError

from sd_taskpacker.bus.encoding import encode_signal
from sd_taskpacker.bus.faults import as_bus_error, our_fault, unreadable
from sd_taskpacker.bus.framing import MAX_BODY, Frame, Framer, TooLarge, Undecodable, decode
from sd_taskpacker.bus.gate import LARGE, Gate, Judge
from sd_taskpacker.bus.names import BUS, BUS_PATH
from sd_taskpacker.bus.turns import Answering, Turns
from sd_taskpacker.bus.writing import Copies, PatientWriter
from sd_taskpacker.errors import (
    SPLIT,
    AccessDenied,
    Internal,
    LimitExceeded,
    TaskpackerError,
    Unreachable,
    WrongState,
)

log = logging.getLogger(__name__)

CALL_TIMEOUT: Final = 30.0
"""Seconds that a peer has for an answer."""

MACHINE_ID: Final = Path("/etc/machine-id")
"""machine-id(5), which is also what D-Bus calls by that name."""

SENDER: Final[ContextVar[str]] = ContextVar("SENDER")
"""The unique name of whoever made the call that is being answered; the method's task inherits it."""

INTERACTIVE: Final[ContextVar[bool]] = ContextVar("INTERACTIVE", default=False)
"""Whether that call allows that a person is asked for a password."""

_CALLS_IN_FLIGHT = 64
"""dbus-daemon refuses more than 128 calls without a reply (max_replies_per_connection)."""
_READ_AT_ONCE = 32 << 10
_TAKEN_AT_ONCE = 150
"""Messages before anything else has its turn. An answer takes several turns of the loop, so each is to be short; but
whoever is behind a flood is seen only when the flood has been read."""
_AS_MANY = 30
"""Messages that a read counts for, were it only a part of a large one."""
_FLUSH_SECONDS = 5.0
_LIBRARY_FAULTS = (ErrorType.SERVICE_ERROR.value, ErrorType.INTERNAL_ERROR.value)
_REQUEST_NAME_DO_NOT_QUEUE = 4
_PRIMARY_OWNER, _ALREADY_OWNER = 1, 4


async def connect(address: str | None = None, *, user: bool = False) -> Connection:
    """The bus at `address`, else the session bus of this user or the system bus. Raises Unreachable."""
    where = address or (_session_address() if user else None)
    kind = BusType.SESSION if user else BusType.SYSTEM
    try:
        bus = Connection(where, kind)
        try:
            await bus.connect()
        except BaseException:
            bus.hang_up()
            raise
    except (OSError, EOFError, AuthError, InvalidAddressError) as error:
        raise Unreachable(
            f"cannot connect to the {kind.name.lower()} bus{f' at {where}' if where else ''}: {error}",
            hint="is dbus running? see systemctl status dbus",
        ) from error
    bus.add_message_handler(_note_sender)
    asyncio.get_running_loop().set_exception_handler(quiet)
    return bus


def quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: a DBusError that left a method was answered and is no news."""
    if not isinstance(context.get("exception"), DBusError):
        loop.default_exception_handler(context)


class Connection(MessageBus):
    """Use `connect` to make one. Exporting and signals are dbus-next's own; calls go through `ask`.

    It sends file descriptors and takes none: see `_message_reader`.
    """

    def __init__(self, address: str | None, kind: BusType) -> None:
        super().__init__(bus_address=address, bus_type=kind, negotiate_unix_fd=True)
        self._copies = Copies()
        self._framer = Framer()
        self._gate: Gate | None = None
        self._turns = Turns(self._deliver, self._refuse, self._user_of)
        self._slots = asyncio.Semaphore(_CALLS_IN_FLIGHT)
        self._writer = self._outbox = PatientWriter(self, self._sock)

    async def ask(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        descriptors: Sequence[int] = (),
        patience: float | None = CALL_TIMEOUT,
    ) -> list[Any]:
        """One method call, its reply's values. An `h` in the body is an index into `descriptors`, which stay the
        caller's. Raises DBusError as the peer sent it, and Unreachable when no answer came within `patience`
        seconds (None waits for ever) or the connection is lost."""
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            unix_fds=list(descriptors),
            serial=self.next_serial(),
        )
        try:
            async with self._slots, asyncio.timeout(patience):
                reply = await self._answer_to(message) if self.connected else None
        except TimeoutError:
            raise Unreachable(f"{destination} did not answer {member} within {patience:g} s") from None
        except (OSError, EOFError) as error:
            raise Unreachable(f"the bus was lost while {destination} worked on {member}") from error
        finally:
            self._method_return_handlers.pop(message.serial, None)
        if reply is None:
            raise Unreachable(f"there is no connection to the bus to call {member} of {destination}")
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise DBusError(reply.error_name, text, reply)
        return list(reply.body)

    def _answer_to(self, message: Message) -> asyncio.Future[Message]:
        """As dbus-next's `call`, which looks at the signature of its own callback each time."""
        answer: asyncio.Future[Message] = self._loop.create_future()

        def take(reply: Message | None, error: Exception | None) -> None:
            if answer.done():
                return
            if reply is None:
                answer.set_exception(error or EOFError("no reply"))
            else:
                answer.set_result(reply)

        self._method_return_handlers[message.serial] = take
        self.send(message)
        return answer

    def tell(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
    ) -> None:
        """A method call that wants no answer."""
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_REPLY_EXPECTED,
        )
        self.send(message)

    def emit(self, path: str, interface: str, member: str, signature: str, body: Sequence[Any]) -> None:
        """A signal of ours, whose values fit its signature."""
        if self.connected:
            self._outbox.put(encode_signal(path, interface, member, signature, body, self.next_serial()))

    async def room(self) -> None:
        """Returns when few messages wait to leave, or the connection is lost; never before everybody had a turn."""
        await self._outbox.room()

    async def ask_bus(self, member: str, signature: str, *body: Any) -> list[Any]:
        """A call to the message bus itself. Raises like `ask`."""
        return await self.ask(BUS, BUS_PATH, BUS, member, signature, body)

    def guard(self, judge: Judge) -> None:
        """From now on a large call is read only when `judge` finds nothing against it."""
        self._gate = Gate(judge, self._on_message, self._refuse)

    async def own(self, name: str) -> None:
        """Raises WrongState when another process has the name, AccessDenied when the bus's policy forbids it."""
        try:
            [answer] = await self.ask_bus("RequestName", "su", name, _REQUEST_NAME_DO_NOT_QUEUE)
        except DBusError as error:
            raise AccessDenied(f"the bus refuses the name {name}: {error.text}") from error
        if answer not in (_PRIMARY_OWNER, _ALREADY_OWNER):
            raise WrongState(f"another process already owns {name}", hint=f"see busctl status {name}")

    async def lost(self) -> str:
        """Returns only when the connection is over: the reason, for a person; empty when `close` ended it."""
        try:
            await asyncio.shield(self._disconnect_future)
        except (OSError, EOFError, Undecodable) as error:
            return f"the connection to the bus was lost: {error or type(error).__name__}"
        return ""

    async def close(self) -> None:
        """Sends what is still to be sent, then hangs up."""
        if self.connected:
            # The bus answers in order, so everything before this call has left by then.
            with contextlib.suppress(Unreachable, DBusError):
                await self.ask(BUS, BUS_PATH, BUS, "GetId", patience=_FLUSH_SECONDS)
        if not self._disconnected:
            self.disconnect()
        await self.lost()
        self.hang_up()

    def hang_up(self) -> None:
        """dbus-next shuts its socket down, if at all, and leaves both handles of it to the garbage collector."""
        self._stream.close()
        self._sock.close()

    async def flushed(self) -> None:
        """Returns when the socket has taken all that was sent so far: the bus gets it even if we die then. Raises
        Unreachable when the connection is lost before."""
        left: asyncio.Future[None] = self._loop.create_future()
        if self.connected:
            # Messages leave in order, and an empty one is no message.
            self._writer.messages.put_nowait((b"", [], left))
            self._writer.schedule_write()
            await asyncio.wait([left, self._disconnect_future], return_when=asyncio.FIRST_COMPLETED)
        if not left.done() or left.exception() is not None:
            raise Unreachable("the bus was lost before all that was sent had left")

    def send(self, msg: Message) -> Any:
        """As in dbus-next: a future, though its base class promises None. What the library says about faults,
        traceback and all, goes to the journal; the client gets one plain sentence."""
        if msg.message_type is MessageType.ERROR and msg.error_name in _LIBRARY_FAULTS:
            log.error("A bus call failed: %s", msg.body[0])
            msg.error_name, msg.body = Internal.bus_name(), [str(our_fault())]
        if self._disconnected:
            future: asyncio.Future[None] = self._loop.create_future()
            future.set_exception(EOFError("the connection to the bus is closed"))
        else:
            future = self._copies.send(msg, super().send) if msg.unix_fds else super().send(msg)
        future.add_done_callback(_look_at)
        return future

    def _setup_socket(self) -> None:
        try:
            super()._setup_socket()
        except OSError:
            self.hang_up()
            raise

    def _message_reader(self) -> None:
        try:
            taken = 0
            while taken < _TAKEN_AT_ONCE:
                # Not recvmsg: the kernel closes descriptors that nobody makes room for (unix(7), SCM_RIGHTS).
                wanted = max(_READ_AT_ONCE, min(self._framer.missing, MAX_BODY))
                data = self._sock.recv(wanted)
                if not data:
                    raise EOFError("the bus closed it")
                for item in self._framer.feed(data):
                    self._take(item)
                    taken += 1
                taken += _AS_MANY
                if len(data) < wanted:
                    return
        except BlockingIOError:
            return
        except (OSError, EOFError, Undecodable) as error:
            self._finalize(error)

    def _take(self, item: Frame | TooLarge) -> None:
        if isinstance(item, TooLarge):
            text = f"the request is {item.size} bytes; at most {MAX_BODY >> 20} MiB"
            self._refuse(item.head, LimitExceeded(text, hint=SPLIT))
        elif self._gate and item.is_call and len(item.raw) > LARGE:
            self._gate.take(item)
        elif item.is_call:
            self._turns.take(item)
        else:
            # Ends of tasks and answers to us: they wait for nobody's calls.
            self._deliver(item)

    async def _user_of(self, sender: str) -> int | None:
        try:
            [user] = await self.ask_bus("GetConnectionUnixUser", "s", sender)
        except (DBusError, Unreachable):
            return None
        return int(user)

    def _deliver(self, frame: Frame) -> None:
        try:
            message = decode(frame.raw)
        except Undecodable as error:
            self._refuse(frame.head, unreadable(error))
        else:
            self._on_message(message)

    def _refuse(self, head: bytes, error: TaskpackerError) -> None:
        try:
            message = decode(head)
        except Undecodable:
            log.warning("Dropped a message that cannot even be answered: %s", error)
            return
        log.debug("Refused %s from %s: %s", message.member or "a reply", message.sender, error)
        if message.message_type is MessageType.METHOD_CALL and not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            self.send(as_bus_error(error)._as_message(message))
        waiting = self._method_return_handlers.pop(message.reply_serial, None)
        if waiting:
            waiting(None, EOFError(str(error)))

    def _make_method_handler(self, interface: Any, method: Any) -> Callable[[Message, Any], None]:
        """dbus-next's; but how many calls of one sender are under way is counted."""
        begin: Callable[[Message, Any], None] = super()._make_method_handler(interface, method)
        if not asyncio.iscoroutinefunction(method.fn):
            return begin

        def handler(message: Message, send_reply: Any) -> None:
            over = self._turns.began(message.sender or "")
            try:
                begin(message, Answering(send_reply, over))
            except BaseException:
                over()
                raise

        return handler

    def _default_get_machine_id_handler(self, msg: Message, send_reply: Callable[[Message], None]) -> None:
        """dbus-next asks the bus, answers nothing when that has none, and an error to whoever asks next."""
        send_reply(Message.new_method_return(msg, "s", [MACHINE_ID.read_text("ascii").strip()]))

    def _on_message(self, msg: Message) -> None:
        try:
            self._process_message(msg)
        except DBusError as error:
            log.debug("Answered %s of %s with %s", msg.member, msg.sender, error.type)
        except Exception:  # One bad message must not take the connection, and with it the service, down.
            log.exception("Could not handle %s from %s", msg.member, msg.sender)

    def _finalize(self, err: Exception | None = None) -> None:
        super()._finalize(err)
        _look_at(self._disconnect_future)
        self._outbox.give_up()
        self._copies.close()


def _session_address() -> str | None:
    """dbus-next knows only the environment variable; sd-bus also looks here (sd_bus_open_user(3))."""
    path = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "bus"
    return None if "DBUS_SESSION_BUS_ADDRESS" in os.environ else f"unix:path={path}"


def _note_sender(message: Message) -> None:
    SENDER.set(message.sender or "")
    INTERACTIVE.set(bool(message.flags & MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION))


def _look_at(future: asyncio.Future[Any]) -> None:
    """Nobody waits for each single message to leave; asyncio would complain about those that did not."""
    if future.done() and not future.cancelled():
        future.exception()
