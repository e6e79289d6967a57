"""How fast the gate judges, and whether it is ever wrong: adversarial cases, each put to the second gate too."""

import statistics
import sys
import time

from protocol.codec import encode
from protocol.compose import signed_order
from protocol.gate import judge
from protocol.signing import Family, assemble, open_signed, signed_by
from tests.oracle import agreement, bridge
from tests.protocol.passkeys import Passkey
from tests.protocol.people import CLOCK, DOMAIN, FLOOD, HOA, MINH, PASSKEY, TRUST, box
from tests.support import bench

CASES = 120_000
RUNS = 2_000
LIMIT_PREPARED = 300
LIMIT_PASSKEYS = 900
SEED = "bench"


def per_call_ms(call: object, runs: int) -> float:
    """The median over five rounds."""
    assert callable(call)
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(runs // 5):
            call()
        rounds.append((time.perf_counter() - began) * 1000 / (runs // 5))
    return statistics.median(rounds)


def decisions_per_s() -> float:
    """Over a thousand different cases, legitimate and not, that the product's gate alone judges."""
    cases = [agreement.case_of(SEED, number) for number in range(1_000)]
    trusted = agreement.trusted()
    ready = [(case.raw, trusted[case.world].product, case.clock, case.me) for case in cases]
    began = time.perf_counter()
    for raw, trust, clock, me in ready:
        bridge.product_verdict(raw, trust, clock, me)
    return len(ready) / (time.perf_counter() - began)


def main(cases: int) -> int:
    bench.begin(f"what the gate costs, and {cases} cases of gate and oracle", 10 + cases / 200)
    raw, me = signed_order(FLOOD, HOA, MINH), box()
    payload = encode(FLOOD)
    hoa = Passkey("Hoa", "console.example", "https://console.example")
    two = assemble(
        payload, Family.ORDER, (hoa.sign(payload, Family.ORDER, DOMAIN), PASSKEY.sign(payload, Family.ORDER, DOMAIN))
    )
    mixed = assemble(
        payload,
        Family.ORDER,
        (signed_by(HOA, payload, Family.ORDER, DOMAIN), PASSKEY.sign(payload, Family.ORDER, DOMAIN)),
    )
    signatures = open_signed(raw, Family.ORDER, DOMAIN).signatures
    keys = (HOA.public_key, MINH.public_key)
    tally = agreement.run(SEED, range(cases))
    ok = tally.clean and len(raw) <= LIMIT_PREPARED and len(two) <= LIMIT_PASSKEYS
    return bench.end(
        {
            "decisions_per_s": round(decisions_per_s()),
            "verify_ms": round(per_call_ms(lambda: judge(raw, TRUST, CLOCK, me), RUNS), 3),
            "verify_passkey_ms": round(per_call_ms(lambda: judge(mixed, TRUST, CLOCK, me), RUNS), 3),
            "peer_two_bare_ed25519_ms": round(
                per_call_ms(lambda: [row.verify(key) for row, key in zip(signatures, keys, strict=True)], RUNS),
                3,
            ),
            "order_bytes": len(raw),
            "order_bytes_limit": LIMIT_PREPARED,
            "two_passkeys_bytes": len(two),
            "two_passkeys_limit": LIMIT_PASSKEYS,
            "cases": tally.cases,
            "accepted": tally.accepted,
            "wrong_sounds": tally.wrong_sounds,
            "wrong_accepts": tally.wrong_accepts,
            "wrong_refusals": tally.wrong_refusals,
            "disagreements_with_oracle": tally.disagreements,
            "raised": tally.raised,
            "ok": ok,
        }
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CASES))
