# SPDX-License-Identifier: BSD-3-Clause
"""One ISAKMP SA as initiator: main mode, quick modes, informational exchanges."""

import asyncio
import secrets
import struct

from . import Refused, isakmp, require
from .ciphers import block_bytes, decrypt, encrypt, hash_of
from .esp import Sa, material_bytes
from .groups import key_exchange
from .keys import Phase1Keys

RFC_3947 = bytes.fromhex("4a131c81070358455c5728f20e95452f")
DRAFT_02N = bytes.fromhex("90cb80913ebb696e086381b5ec427b1f")
DRAFT_02 = bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448")
DRAFT_03 = bytes.fromhex("7d9419a65310ca6f2c179d9215529d56")
_NAT_VERSIONS = (RFC_3947, DRAFT_03, DRAFT_02N, DRAFT_02)
DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")


class Silence(Refused):
    pass


class Children:
    """What a quick mode has made: an SA each way."""

    def __init__(self, inbound, outbound):
        self.inbound, self.outbound = inbound, outbound


class Ike:
    def __init__(self, profile, path, secret, first=True):
        """first: not a renewal."""
        self.profile, self.path, self.secret, self.first = profile, path, secret, first
        self.initiator, self.responder = secrets.token_bytes(8), bytes(8)
        self.port = 500
        self.nat = self.natt = False
        self.nat_d, self.nat_oa = isakmp.NAT_D, isakmp.NAT_OA
        self.keys = self.last_block = None
        self.up = False
        self.deleted = False
        self.dpd_questions = 0
        self.on_esp_delete = lambda spis: None
        self._queues, self._ivs, self._seen = {}, {}, set()
        self._message_ids = profile.message_ids()

    # ---- what comes

    def receive(self, data, _port):
        head = isakmp.read_header(data)
        if data in self._seen:
            return
        self._seen.add(data)
        if head.message_id in self._queues:
            self._queues[head.message_id].put_nowait((head, data))
        elif head.exchange == isakmp.INFORMATIONAL and self.keys and head.flags & isakmp.ENCRYPTED:
            self._informational(head, data)

    def mine(self, head):
        return head.initiator == self.initiator and \
            (head.responder == self.responder or self.responder == bytes(8))

    def _informational(self, head, data):
        number = struct.pack(">I", head.message_id)
        self._ivs[head.message_id] = self.keys.first_iv(self.last_block, number)
        payloads = self._open(head, data)
        require(payloads[0][0] == isakmp.HASH, "an informational exchange without hash")
        body = isakmp.chain(payloads[1:])
        require(payloads[0][1] == self.keys.hash(number + body), "the hash of an informational is wrong")
        for kind, content in payloads[1:]:
            if kind == isakmp.NOTIFY:
                self._notified(*isakmp.read_notify(content))
            elif kind == isakmp.DELETE:
                protocol, spis = isakmp.read_delete(content)
                if protocol == isakmp.ESP_PROTOCOL:
                    self.on_esp_delete(spis)
                else:
                    self.deleted = True

    def _notified(self, kind, spi, data):
        if kind != isakmp.R_U_THERE:
            return
        require(spi == self.initiator + self.responder, "R-U-THERE with other cookies")
        self.dpd_questions += 1
        if self.profile.answers_dpd:
            self.notify(isakmp.R_U_THERE_ACK, isakmp.ISAKMP_PROTOCOL, spi, data)

    # ---- encryption

    def _seal(self, exchange, message_id, payloads):
        body = isakmp.chain(payloads)
        block = block_bytes(self.keys.cipher)
        body += self.profile.pad(len(body), block)
        head = isakmp.header(self.initiator, self.responder, payloads[0][0], exchange, isakmp.ENCRYPTED,
                             message_id, len(body))
        sealed = encrypt(self.keys.cipher, self.keys.key, self._ivs[message_id], body)
        self._ivs[message_id] = sealed[-block:]
        return head + sealed

    def _open(self, head, data):
        require(head.flags & isakmp.ENCRYPTED, "a message in the clear where keys exist")
        sealed = data[isakmp.HEADER_BYTES:]
        plain = decrypt(self.keys.cipher, self.keys.key, self._ivs[head.message_id], sealed)
        self._ivs[head.message_id] = sealed[-block_bytes(self.keys.cipher):]
        payloads, rest = isakmp.unchain(head.first, plain)
        require(len(rest) < block_bytes(self.keys.cipher) and not any(rest), "padding is not minimal zeros")
        return payloads

    def send(self, data):
        self.path.send_ike(data, self.port, self.profile.markers)

    async def _ask(self, data, message_id=0):
        """Sends until an answer comes, as often and as soon as this client does."""
        queue = self._queues[message_id]
        for seconds in self.profile.ike_retries:
            self.send(data)
            try:
                return await asyncio.wait_for(queue.get(), seconds)
            except asyncio.TimeoutError:
                pass
        raise Silence(f"no answer to {'main' if not message_id else 'quick'} mode")

    # ---- main mode

    def phase1_offer(self):
        transforms = tuple(isakmp.Transform(number, 1, self.profile.phase1_attributes(*suite))
                           for number, suite in enumerate(self.profile.phase1, self.profile.first_number))
        return isakmp.security_association((isakmp.Proposal(
            self.profile.first_number, isakmp.ISAKMP_PROTOCOL, self.profile.phase1_spi, transforms),))

    def first_message(self, offer):
        vendor_ids = [(isakmp.VID, vendor_id) for vendor_id in self.profile.vendor_ids]
        return isakmp.message(self.initiator, bytes(8), isakmp.MAIN_MODE, [(isakmp.SA, offer), *vendor_ids])

    def third_message(self, exchange, nonce, digest):
        payloads = [(isakmp.KE, exchange.public), (isakmp.NONCE, nonce)]
        if self.natt:
            payloads += [(self.nat_d, self._nat_hash(digest, self.path.server_bytes)),
                         (self.nat_d, self._nat_hash(digest, self.path.believed))]
        return isakmp.message(self.initiator, self.responder, isakmp.MAIN_MODE, payloads)

    def _nat_hash(self, digest, address):
        return hash_of(digest, self.initiator + self.responder + address + struct.pack(">H", self.port))

    def _chosen(self, payloads):
        """The transform of the answer, which must be byte by byte one that was offered."""
        require(payloads[0][0] == isakmp.SA, "the first payload of main mode 2 is no SA")
        require(all(kind == isakmp.VID for kind, _ in payloads[1:]),
                "main mode 2 has payloads other than SA and vendor ids")
        proposal = isakmp.read_chosen(payloads[0][1])
        require(proposal.number == self.profile.first_number, f"proposal number {proposal.number}")
        transform = proposal.transforms[0]
        for number, suite in enumerate(self.profile.phase1, self.profile.first_number):
            if transform == isakmp.Transform(number, 1, self.profile.phase1_attributes(*suite)):
                return suite
        raise Refused("the returned transform was not offered like this")

    def _learn_nat_version(self, vendor_ids):
        shared = [version for version in _NAT_VERSIONS if version in vendor_ids]
        self.natt = bool(shared)
        require(len(shared) <= 1, "several versions of NAT traversal in the answer")
        require(all(version in self.profile.vendor_ids for version in shared), "a version not offered")
        if shared and shared[0] != RFC_3947:
            self.nat_d, self.nat_oa = isakmp.NAT_D_DRAFT, isakmp.NAT_OA_DRAFT

    async def main_mode(self, port=500):
        self.port = port
        self._queues[0] = asyncio.Queue()
        offer = self.phase1_offer()
        head, data = await self._ask(self.first_message(offer))
        require(head.responder != bytes(8), "no responder cookie")
        self.responder = head.responder
        require(head.exchange == isakmp.MAIN_MODE, "main mode 1 is answered by a notify")
        payloads, rest = isakmp.unchain(head.first, data[isakmp.HEADER_BYTES:])
        require(not rest, "bytes behind the last payload")
        self.suite = cipher, digest, group = self._chosen(payloads)
        self._learn_nat_version([body for kind, body in payloads if kind == isakmp.VID])

        exchange, nonce = key_exchange(group), secrets.token_bytes(self.profile.nonce_bytes)
        third = self.third_message(exchange, nonce, digest)
        head, data = await self._ask(third)
        payloads, rest = isakmp.unchain(head.first, data[isakmp.HEADER_BYTES:])
        wanted = [isakmp.KE, isakmp.NONCE] + [self.nat_d] * (2 if self.natt else 0)
        require([kind for kind, _ in payloads] == wanted and not rest,
                f"payloads {[kind for kind, _ in payloads]} in main mode 4")
        if self.natt:
            self._detect_nat(digest, [body for kind, body in payloads if kind == self.nat_d])
        if not self.nat:
            self.path.open_bare_esp()
        public, other_nonce = payloads[0][1], payloads[1][1]
        self.keys = Phase1Keys(cipher, digest, self.secret, nonce + other_nonce, exchange.shared(public),
                               exchange.public + public, self.initiator + self.responder)
        self._ivs[0] = self.keys.iv
        await self._prove(offer, exchange.public, public)
        del self._queues[0]

    def _detect_nat(self, digest, hashes):
        behind = hashes[0] != self._nat_hash(digest, self.path.believed)
        server_behind = hashes[1] != self._nat_hash(digest, self.path.server_bytes)
        require(not server_behind, "the server is behind a NAT")
        self.nat = behind
        if behind:
            self.port = 4500

    def identity(self):
        return isakmp.identity(self.path.believed, *self.profile.identity_port)

    def fifth_message(self, offer, own, other):
        identity = self.identity()
        proof = self.keys.proof(own + other, self.initiator + self.responder, offer, identity)
        payloads = [(isakmp.ID, identity), (isakmp.HASH, proof)]
        if self.profile.initial_contact == "main mode" and self.first:
            payloads.append((isakmp.NOTIFY, self._initial_contact()))
        return self._seal(isakmp.MAIN_MODE, 0, payloads)

    def _initial_contact(self):
        return isakmp.notify(isakmp.INITIAL_CONTACT, isakmp.ISAKMP_PROTOCOL, self.initiator + self.responder)

    async def _prove(self, offer, own, other):
        head, data = await self._ask(self.fifth_message(offer, own, other))
        require(head.exchange == isakmp.MAIN_MODE, "main mode 5 is answered by a notify")
        payloads = self._open(head, data)
        require([kind for kind, _ in payloads] == [isakmp.ID, isakmp.HASH],
                f"payloads {[kind for kind, _ in payloads]} in main mode 6")
        identity, proof = payloads[0][1], payloads[1][1]
        require(proof == self.keys.proof(other + own, self.responder + self.initiator, offer, identity),
                "HASH_R is wrong")
        require(identity == isakmp.identity(self.path.server_bytes), f"the server is {identity.hex()}")
        self._established()

    def _established(self):
        self.last_block = self._ivs[0]
        self.up = True
        if self.profile.initial_contact == "informational" and self.first:
            self.inform([(isakmp.NOTIFY, self._initial_contact())])

    # ---- aggressive mode

    async def aggressive_mode(self):
        self._queues[0] = asyncio.Queue()
        offer, own_identity = self.phase1_offer(), isakmp.named_identity(self.profile.identifier)
        exchange, nonce = key_exchange(self.profile.phase1[0][-1]), secrets.token_bytes(self.profile.nonce_bytes)
        first = isakmp.message(self.initiator, bytes(8), isakmp.AGGRESSIVE_MODE, [
            (isakmp.SA, offer), (isakmp.KE, exchange.public), (isakmp.NONCE, nonce), (isakmp.ID, own_identity),
            *((isakmp.VID, vendor_id) for vendor_id in self.profile.vendor_ids)])
        head, data = await self._ask(first)
        require(len(data) <= len(first), f"{len(data)} bytes answer {len(first)}")
        require(head.exchange == isakmp.AGGRESSIVE_MODE, "aggressive mode 1 is answered by a notify")
        self.responder = head.responder
        payloads, rest = isakmp.unchain(head.first, data[isakmp.HEADER_BYTES:])
        require(not rest, "bytes behind the last payload")
        require([kind for kind, _ in payloads[:5]] == [isakmp.SA, isakmp.KE, isakmp.NONCE, isakmp.ID, isakmp.HASH],
                f"payloads {[kind for kind, _ in payloads]} in aggressive mode 2")
        self.suite = cipher, digest, _ = self._chosen(payloads[:1])
        self._learn_nat_version([body for kind, body in payloads if kind == isakmp.VID])
        public, other_nonce, identity, proof = (body for _, body in payloads[1:5])
        self.keys = Phase1Keys(cipher, digest, self.secret, nonce + other_nonce, exchange.shared(public),
                               exchange.public + public, self.initiator + self.responder)
        self._ivs[0] = self.keys.iv
        require(self.profile.trusting or proof == self.keys.proof(
            public + exchange.public, self.responder + self.initiator, offer, identity), "HASH_R is wrong")
        require(identity == isakmp.identity(self.path.server_bytes), f"the server is {identity.hex()}")
        if self.natt:
            self._detect_nat(digest, [body for kind, body in payloads if kind == self.nat_d])
        if not self.nat:
            self.path.open_bare_esp()
        self.send(self._aggressive_third(digest, self.keys.proof(
            exchange.public + public, self.initiator + self.responder, offer, own_identity)))
        del self._queues[0]
        self._established()

    def _aggressive_third(self, digest, proof):
        """NAT-D by the ports in use from now on."""
        payloads = [(isakmp.HASH, proof)]
        if self.natt:
            payloads += [(self.nat_d, self._nat_hash(digest, self.path.server_bytes)),
                         (self.nat_d, self._nat_hash(digest, self.path.believed))]
        if self.profile.aggressive_in_clear:
            return isakmp.message(self.initiator, self.responder, isakmp.AGGRESSIVE_MODE, payloads)
        return self._seal(isakmp.AGGRESSIVE_MODE, 0, payloads)

    # ---- quick mode

    def encapsulation(self):
        if not self.nat:
            return 2
        return 4 if self.nat_oa == isakmp.NAT_OA else 61444

    def phase2_offer(self, spi):
        return isakmp.security_association(
            self.profile.phase2_proposals(spi, self.encapsulation()))

    def quick_payloads(self, spi, nonce, exchange, port, renewal=False):
        payloads = [(isakmp.SA, self.phase2_offer(spi)), (isakmp.NONCE, nonce)]
        if exchange:
            payloads.append((isakmp.KE, exchange.public))
        payloads += [(isakmp.ID, self.profile.selector(self.path.believed, port, renewal)),
                     (isakmp.ID, isakmp.identity(self.path.server_bytes, 17, 1701))]
        if self.nat and self.profile.sends_nat_oa:
            addresses = (self.path.believed, self.path.server_bytes)
            if self.nat_oa != isakmp.NAT_OA:
                addresses = addresses[:1]
            payloads += [(self.nat_oa, isakmp.original_address(address)) for address in addresses]
        return payloads

    async def quick_mode(self, port, before_third=None, renewal=False):
        """Returns the new SAs; before_third is called when they are known to us but not confirmed."""
        message_id = next(self._message_ids)
        number = struct.pack(">I", message_id)
        spi, nonce = secrets.token_bytes(4), secrets.token_bytes(self.profile.nonce_bytes)
        exchange = key_exchange(self.profile.phase2_group) if self.profile.phase2_group else None
        payloads = self.quick_payloads(spi, nonce, exchange, port, renewal)
        self._ivs[message_id] = self.keys.first_iv(self.last_block, number)
        self._queues[message_id] = asyncio.Queue()
        proof = self.keys.hash(number + isakmp.chain(payloads))
        first = self._seal(isakmp.QUICK_MODE, message_id, [(isakmp.HASH, proof), *payloads])
        head, data = await self._ask(first, message_id)
        require(head.exchange == isakmp.QUICK_MODE, "quick mode 1 is answered by a notify")
        answer = self._open(head, data)
        require(answer[0][1] == self.keys.hash(number + nonce + isakmp.chain(answer[1:])), "HASH(2) is wrong")
        chosen, suite = self._check_quick_answer(payloads, answer)
        other_nonce = isakmp.only(answer, isakmp.NONCE)
        shared = exchange.shared(isakmp.only(answer, isakmp.KE)) if exchange else b""
        children = self._children(suite, spi, chosen.spi, nonce + other_nonce, shared)
        if before_third:
            before_third(children)
        proof = self.keys.hash(b"\0" + number + nonce + other_nonce)
        self.send(self._seal(isakmp.QUICK_MODE, message_id, [(isakmp.HASH, proof)]))
        del self._queues[message_id]
        return children

    def _check_quick_answer(self, asked, answer):
        kinds = [kind for kind, _ in answer]
        require(kinds[:3] == [isakmp.HASH, isakmp.SA, isakmp.NONCE], f"payloads {kinds} in quick mode 2")
        own = [body for kind, body in asked if kind == isakmp.ID]
        require([body for kind, body in answer if kind == isakmp.ID] == own, "the identities are not ours")
        wanted = sum(kind == self.nat_oa for kind, _ in asked)
        require(kinds.count(self.nat_oa) == wanted, f"{kinds.count(self.nat_oa)} NAT-OA instead of {wanted}")
        chosen = isakmp.read_chosen(isakmp.only(answer, isakmp.SA))
        require(chosen.protocol == isakmp.ESP_PROTOCOL and len(chosen.spi) == 4, "not one SPI for ESP")
        for proposal in self.profile.phase2_proposals(bytes(4), self.encapsulation()):
            if proposal.number == chosen.number and chosen.transforms[0] in proposal.transforms:
                return chosen, self.profile.suite_of(chosen.number, chosen.transforms[0])
        raise Refused("the returned ESP transform was not offered like this")

    def _children(self, suite, own_spi, other_spi, nonces, shared):
        cipher, digest = suite
        size = material_bytes(cipher, digest)
        tag = self.profile.tag_bytes.get(digest)
        return Children(*(Sa(spi, cipher, digest, self.keys.esp_material(spi, nonces, shared, size), tag)
                          for spi in (own_spi, other_spi)))

    # ---- informational

    def inform(self, payloads):
        message_id = secrets.randbits(31) + 1
        number = struct.pack(">I", message_id)
        self._ivs[message_id] = self.keys.first_iv(self.last_block, number)
        proof = self.keys.hash(number + isakmp.chain(payloads))
        self.send(self._seal(isakmp.INFORMATIONAL, message_id, [(isakmp.HASH, proof), *payloads]))
        del self._ivs[message_id]

    def notify(self, kind, protocol, spi, data=b""):
        self.inform([(isakmp.NOTIFY, isakmp.notify(kind, protocol, spi, data))])

    def delete_esp(self, spi):
        self.inform([(isakmp.DELETE, isakmp.delete(isakmp.ESP_PROTOCOL, [spi]))])

    def delete(self):
        self.inform([(isakmp.DELETE, isakmp.delete(isakmp.ISAKMP_PROTOCOL,
                                                   [self.initiator + self.responder]))])
