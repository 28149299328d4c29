# SPDX-License-Identifier: BSD-3-Clause
"""A certificate authority made for one run, with the openssl command."""

import pathlib
import subprocess

_CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""

_KEYS = {"rsa": ("-newkey", "rsa:2048"),
         "ecdsa": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")}


class Authority:
    """Everything lies in one directory: ca.pem, NAME.pem, NAME.key, list.pem."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def _openssl(self, *arguments):
        return subprocess.run(("openssl", *arguments), cwd=self.directory, check=True,
                              capture_output=True).stdout

    def make(self, kind):
        """The CA itself, the server's certificate, and an empty revocation list."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "conf").write_text(_CONFIGURATION)
        (self.directory / "index.txt").write_text("")
        (self.directory / "serial").write_text("1000\n")
        (self.directory / "crlnumber").write_text("01\n")
        self._openssl("req", "-config", "conf", "-x509", *_KEYS[kind], "-nodes", "-days", "30",
                      "-subj", "/O=lab/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
        self.issue("server", kind)
        self.issue("client", kind)
        self.issue("lost", kind)
        self._openssl("ca", "-config", "conf", "-revoke", "lost.pem")
        self._openssl("ca", "-config", "conf", "-gencrl", "-out", "list.pem")
        return self

    def issue(self, name, kind):
        self._openssl("req", "-config", "conf", "-new", *_KEYS[kind], "-nodes",
                      "-subj", f"/O=lab/CN={name}", "-addext", f"subjectAltName=DNS:{name}.example",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("ca", "-config", "conf", "-batch", "-notext",
                      "-in", f"{name}.csr", "-out", f"{name}.pem")
        (self.directory / f"{name}.key").chmod(0o600)

    def text(self, name):
        return (self.directory / name).read_text()

    def pkcs12(self, name):
        """Certificate, key and CA in one, without a password."""
        return self._openssl("pkcs12", "-export", "-passout", "pass:", "-name", name,
                             "-in", f"{name}.pem", "-inkey", f"{name}.key", "-certfile", "ca.pem")
