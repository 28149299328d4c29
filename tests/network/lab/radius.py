# SPDX-License-Identifier: BSD-3-Clause
"""A FreeRADIUS server of a test's own, in the daemon's namespace; no service of the machine is used."""

import time

from .concentrator import write_secret
from .guest import time_scale
from .process import CommandFailed

SECRET = "a secret for RADIUS"
ADDRESS = "127.0.0.1"

# FreeRADIUS before 3.2.5 signs its replies only when it is told so.
_CONFIGURATION = """
name = freeradius
raddbdir = {directory}
logdir = {directory}
run_dir = {directory}
libdir = /usr/lib/freeradius
pidfile = {directory}/freeradius.pid
log {{
    destination = stdout
    auth = yes
}}
security {{
    status_server = yes
    reject_delay = 0
}}
thread pool {{
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 2
}}
client concentrator {{
    ipaddr = {address}
    secret = "{secret}"
    require_message_authenticator = yes
}}
modules {{
    always ok {{
        rcode = ok
    }}
    pap {{
    }}
    chap {{
    }}
    mschap {{
        use_mppe = no
    }}
    files {{
        filename = {directory}/users
    }}
    detail {{
        filename = {directory}/requests
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = {address}
        port = {port}
    }}
    authorize {{
        Autz-Type Status-Server {{
            update reply {{
                Message-Authenticator := 0x00
            }}
            ok
        }}
        detail
        files
        chap
        mschap
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
        Auth-Type CHAP {{
            chap
        }}
        Auth-Type MS-CHAP {{
            mschap
        }}
    }}
    post-auth {{
        update reply {{
            Message-Authenticator := 0x00
        }}
        Post-Auth-Type REJECT {{
            update reply {{
                Message-Authenticator := 0x00
            }}
        }}
    }}
}}
"""


class FreeRadius:
    """users: the lines of its file `users`, in FreeRADIUS's own syntax."""

    def __init__(self, namespace, directory, users, port=1812):
        self.namespace, self.directory, self.port = namespace, directory, port
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "dictionary").write_text("")
        (directory / "users").write_text(users)
        write_secret(directory / "radiusd.conf", _CONFIGURATION.format(
            directory=directory, secret=SECRET, address=ADDRESS, port=port))
        self.process = None

    def start(self, timeout=10):
        log = self.directory / f"freeradius-{time.monotonic_ns()}.log"
        self.process = self.namespace.start("freeradius", "-f", "-l", "stdout", "-d", str(self.directory),
                                            log=log)
        deadline = time.monotonic() + timeout * time_scale()
        while "Ready to process requests" not in self.process.output():
            if not self.process.running() or time.monotonic() > deadline:
                self.process.stop()
                raise CommandFailed(f"FreeRADIUS does not start: {self.process.output()[-600:]}")
            time.sleep(0.05)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def requests(self):
        """What it was asked: the attributes as it prints them."""
        path = self.directory / "requests"
        return path.read_text() if path.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def configuration(directory, ports=(1812,), policy="radius", more=""):
    """The daemon's part; writes the secret into its directory."""
    write_secret(directory / "radius-secret", SECRET + "\n")
    servers = ", ".join(f'{{ address = "{ADDRESS}"; port = {port}; secret_file = "{directory}/radius-secret"; '
                        f'priority = {priority}; }}' for priority, port in enumerate(ports))
    return f'users_from = "{policy}";\nradius_servers = ( {servers} );\nradius = {{ {more} }};\n'
