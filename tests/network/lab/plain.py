# SPDX-License-Identifier: BSD-3-Clause
"""No IPsec: L2TP in clear."""


class Plain:
    def __init__(self, client, dial):
        self.client = client
        self.dial = dial

    def start(self):
        pass

    def initiate(self):
        pass

    def stop(self):
        pass

    def crash(self):
        pass
