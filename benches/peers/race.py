"""pexpect in the race: every panic on the console is answered with one byte."""

import socket
import sys

import pexpect.fdpexpect

console = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
console.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
# Without a window it searches all that came since the last match, again with every read; and it
# looks at no more than the window, so that must be larger than what is read at once (2000).
reader = pexpect.fdpexpect.fdspawn(console, timeout=None, searchwindowsize=4000)
while reader.expect([rb"panic\[cpu[0-9]+\]/thread=", pexpect.EOF]) == 0:
    reader.send(b"!")
