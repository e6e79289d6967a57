"""The broker's half: Mosquitto's configuration, who may say and hear what there, and who may no longer.

Tried with Mosquitto 2.0.11: on SIGHUP it reads the ACL, the list of revoked certificates and its own certificate again.
The list keeps a revoked box from connecting; a connection that stands is not cut, but from that moment the ACL denies
it every message in both directions.
"""

from collections.abc import Iterable
from typing import Final

from controller.pki.authority import BRIDGE

RULES: Final = f"""\
# Written by the controller; what is changed here is lost.
user {BRIDGE}
topic readwrite ll/1/#

pattern write ll/1/box/%u/up/+
pattern read ll/1/box/%u/down
pattern read ll/1/unit/+/orders
"""

CONFIG: Final = """\
# Written by `loalang pki`. Run Mosquitto with it as the user of the controller, who has to signal it:
#   mosquitto -c {folder}/mosquitto.conf
listener {port}{address}
cafile {bundle}
certfile {certificate}
keyfile {key}
crlfile {folder}/crl.pem
tls_version tlsv1.2
require_certificate true
# The name in the certificate is the user and the client id: nobody can be somebody else, or throw somebody else out.
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {folder}/acl
pid_file {folder}/mosquitto.pid
persistence false
max_queued_messages 100000
set_tcp_nodelay true
"""


def acl(revoked: Iterable[str]) -> str:
    """The rules, and the boxes for which there are none any more."""
    return RULES + "".join(f"\nuser {box}\ntopic deny ll/1/#\n" for box in sorted(revoked))
