# Runs pyftpdlib for a test. The configuration is one JSON object in the file that the first argument names.
import json
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, PassiveDTP, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

with open(sys.argv[1]) as f:
    conf = json.load(f)

authorizer = DummyAuthorizer()
authorizer.add_user(conf["user"], conf["password"], conf["root"], perm="elradfmwMT")


class ImplicitHandler(TLS_FTPHandler):
    """TLS from the first byte: pyftpdlib itself has AUTH only."""

    def handle(self):
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self):
        TLS_FTPHandler.handle(self)  # the greeting


handler = TLS_FTPHandler if conf["pem"] else FTPHandler
if conf["implicit"]:
    handler = ImplicitHandler
handler.authorizer = authorizer
handler.passive_ports = range(conf["first"], conf["last"] + 1)
if conf["pem"]:
    handler.certfile = conf["pem"]
if conf["idle"]:
    handler.timeout = conf["idle"]
if conf["data"]:
    DTPHandler.timeout = conf["data"]
    handler.dtp_handler.timeout = conf["data"]
    PassiveDTP.timeout = conf["data"]

server = FTPServer((conf["host"], conf["port"]), handler)
# The listener itself is counted.
server.max_cons = conf["clients"] + 1 if conf["clients"] else 512
server.max_cons_per_ip = conf["per_ip"]
# pyftpdlib 1.5.7 waits without end when a timeout is due this very moment (ioloop.py: "timeout or -1"), so that an idle
# session is ended only once another client does something. On a busy server one does; a test has nobody else.
poll = server.ioloop.poll
server.ioloop.poll = lambda timeout: poll(0.001 if timeout == 0 else timeout)
server.serve_forever(handle_exit=True)
