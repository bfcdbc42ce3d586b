# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import errno
import os
import socket
from array import array

from sd_taskpacker.bus.writing import PatientSocket


def test_a_full_socket_takes_descriptors_later_and_once(files: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        patient, rights = PatientSocket(ours), array("i", files[:1])
        stuffed = 0
        while taken := patient.send(memoryview(bytes(4096))):
            stuffed += taken
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        assert patient.sendmsg([memoryview(b"message")], ancillary) == 0
        while stuffed:
            stuffed -= len(theirs.recv(min(stuffed, 4096)))
        assert patient.send(memoryview(b"message")) == 7
        assert patient.send(memoryview(b"next")) == 4
        data, got, _, _ = socket.recv_fds(theirs, 7, 8)
        assert (data, len(got)) == (b"message", 1)
        assert os.path.sameopenfile(got[0], files[0])
        os.close(got[0])
        assert socket.recv_fds(theirs, 100, 8)[:2] == (b"next", [])


def test_too_many_descriptors_under_way_are_waited_for() -> None:
    class Crowded(socket.socket):
        def sendmsg(self, *_: object) -> int:
            raise OSError(errno.ETOOMANYREFS, "Too many references")

    with Crowded() as sock:
        assert PatientSocket(sock).send(memoryview(b"message")) == 0
